"""The check after every update that the engine samples with the weights that were trained.

An engine that keeps keys and values of a prompt, or weights under a name that it knows, can go on with old ones
without a word. So its log-probabilities of a fixed text are compared with the trainer's.
"""

from __future__ import annotations

from collections.abc import Sequence

from omega_fast.errors import BackendError
from omega_fast.records import Question, Sampler

__all__ = ["StaleSamplerError", "check_fresh"]


class StaleSamplerError(BackendError):
    """The engine does not sample with the weights that were trained."""


def check_fresh(
    sampler: Sampler, question: Question, ids: Sequence[int], wanted: Sequence[float], tolerance: float
) -> float:
    """The largest difference between the engine's log-probability of a token of a fixed text and the trainer's.

    Args:
        sampler: The engine.
        question: Whose solution the text is.
        ids: Its tokens.
        wanted: What the trainer's network makes of each.
        tolerance: The largest difference that rounding may make.

    Raises:
        StaleSamplerError: If a difference is larger, or no number.
    """
    found = sampler.log_probs(question, ids)
    if len(found) != len(wanted):
        raise StaleSamplerError(
            f"the engine told {len(found)} log-probabilities of {len(wanted)} tokens", hint=_HINT
        )
    worst = 0.0
    for at, (theirs, ours) in enumerate(zip(found, wanted, strict=True)):
        apart = abs(theirs - ours)
        # Written so that NaN is a difference
        if not apart <= tolerance:
            raise StaleSamplerError(
                f"the engine does not sample with version {sampler.version} of the weights: token {at + 1} of "
                f"{len(wanted)} of a fixed text has log-probability {theirs:.4f} there and {ours:.4f} in the trainer; "
                f"they may differ by {tolerance:g}",
                hint=_HINT,
            )
        worst = max(worst, apart)
    return worst


_HINT = (
    "if the engine computes in another precision, raise tolerance; else it holds old weights: run the same command "
    "again, which goes on from the last checkpoint"
)
