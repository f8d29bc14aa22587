"""Soft labels: the estimate of a state, by the rule that fits how it was sampled."""

from __future__ import annotations

from typing import Literal

from omega_fast.store.artifacts import Node

__all__ = ["Estimator", "soft_label"]

Estimator = Literal["mean", "inverse", "none"]
"""How a soft label was computed: right / judged, inverse sampling, or not at all."""


def soft_label(node: Node) -> tuple[float | None, Estimator]:
    """An estimate of the chance that a rollout from this state is right, and how it was made.

    A fixed number n of draws gives c/n. Where sampling stopped at the r-th success after n draws, c/n is
    too high; (r-1)/(n-1) is unbiased (Haldane, 1945), with 1 for r = n = 1. Sampling that was to stop at
    a success and met none ran to its fixed end, so there 0/n stands. Where a test or a posterior decided when to
    stop, nothing unbiased is known, and there is no soft label: the counts are in the rows of `samples`.
    """
    if node.mc is None or node.n_rollouts == 0 or node.stopping_rule in {"sequential", "posterior"}:
        return None, "none"
    if node.stopping_rule == "first_success" and node.n_correct > 0:
        draws = node.n_rollouts
        return ((node.n_correct - 1) / (draws - 1) if draws > 1 else 1.0), "inverse"
    return node.mc, "mean"
