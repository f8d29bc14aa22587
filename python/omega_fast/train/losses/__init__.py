"""Losses for process reward models: pure functions over padded tensors with masks."""

from omega_fast.train.losses.binary import bce, cross_entropy, mse
from omega_fast.train.losses.comparison import pairwise, pqm
from omega_fast.train.losses.progress import progress, progress_targets, relative_progress_targets

__all__ = [
    "bce",
    "cross_entropy",
    "mse",
    "pairwise",
    "pqm",
    "progress",
    "progress_targets",
    "relative_progress_targets",
]
