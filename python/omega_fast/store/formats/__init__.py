"""The formats in which results leave a run, and in which they and other people's data are read."""

from collections.abc import Mapping
from typing import Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.files import Place, RowFault
from omega_fast.store.formats.flat import FLAT, FlatQuestion, FlatStep
from omega_fast.store.formats.grounded_chat import GROUNDED_CHAT, GroundedChat
from omega_fast.store.formats.grounded_paths import GROUNDED_PATHS, GroundedPath
from omega_fast.store.formats.grounded_samples import GROUNDED_SAMPLES, GroundedSamples
from omega_fast.store.formats.grounded_tree import GROUNDED_TREE, GroundedTree
from omega_fast.store.formats.labelled import LabelledSolution
from omega_fast.store.formats.math_shepherd import MATH_SHEPHERD
from omega_fast.store.formats.openrlhf import OPENRLHF
from omega_fast.store.formats.outcomes import CE, Outcome
from omega_fast.store.formats.preferences import DPO, Preference
from omega_fast.store.formats.prm800k import PRM800K, RatedQuestion, RatedStep
from omega_fast.store.formats.processbench import PROCESSBENCH
from omega_fast.store.formats.qwen_prm import QWEN_PRM
from omega_fast.store.formats.rlhflow import RLHFLOW
from omega_fast.store.formats.samples import SAMPLES, Sample
from omega_fast.store.formats.steps import STEPS, StepRow
from omega_fast.store.formats.tree import TREE, TreeNode, TreeQuestion
from omega_fast.store.formats.trl import TRL, StepwiseRow
from omega_fast.store.formats.verl import VERL

__all__ = [
    "CE",
    "DPO",
    "FLAT",
    "FORMATS",
    "GROUNDED_CHAT",
    "GROUNDED_PATHS",
    "GROUNDED_SAMPLES",
    "GROUNDED_TREE",
    "MATH_SHEPHERD",
    "OPENRLHF",
    "PRM800K",
    "PROCESSBENCH",
    "QWEN_PRM",
    "RLHFLOW",
    "SAMPLES",
    "STEPS",
    "TREE",
    "TRL",
    "VERL",
    "ExportOptions",
    "FlatQuestion",
    "FlatStep",
    "Format",
    "GroundedChat",
    "GroundedPath",
    "GroundedSamples",
    "GroundedTree",
    "LabelledSolution",
    "Outcome",
    "Place",
    "Preference",
    "RatedQuestion",
    "RatedStep",
    "RowFault",
    "Sample",
    "StepRow",
    "StepwiseRow",
    "TreeNode",
    "TreeQuestion",
]

_ALL: tuple[Format[Any], ...] = (
    SAMPLES,
    FLAT,
    TREE,
    TRL,
    MATH_SHEPHERD,
    PRM800K,
    RLHFLOW,
    QWEN_PRM,
    OPENRLHF,
    VERL,
    PROCESSBENCH,
    CE,
    DPO,
    GROUNDED_TREE,
    GROUNDED_SAMPLES,
    GROUNDED_PATHS,
    GROUNDED_CHAT,
    STEPS,
)

FORMATS: Mapping[str, Format[Any]] = {each.name: each for each in _ALL}
"""Every format by name, in the order in which they are tried: `steps` takes any three columns."""
