"""The formats in which results leave a run, and in which they can be read back."""

from collections.abc import Mapping
from typing import Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.flat import FLAT, FlatQuestion, FlatStep
from omega_fast.store.formats.samples import SAMPLES, Sample
from omega_fast.store.formats.tree import TREE, TreeNode, TreeQuestion
from omega_fast.store.formats.trl import TRL, StepwiseRow

__all__ = [
    "FLAT",
    "FORMATS",
    "SAMPLES",
    "TREE",
    "TRL",
    "ExportOptions",
    "FlatQuestion",
    "FlatStep",
    "Format",
    "Sample",
    "StepwiseRow",
    "TreeNode",
    "TreeQuestion",
]

FORMATS: Mapping[str, Format[Any]] = {each.name: each for each in (SAMPLES, FLAT, TREE, TRL)}
"""Every format by name."""
