"""The tiny policy of the embedded task: tokenizer, training from nothing, compact sampler, figures."""

from omega_fast.models.ledger_policy.location import ASSETS

__all__ = ["ASSETS"]
