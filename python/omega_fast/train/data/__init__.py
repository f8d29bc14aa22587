"""From labels to a training set: reading, checking, splitting, weighing."""

from omega_fast.train.data.duplicates import Duplicates, without_duplicates
from omega_fast.train.data.example import Example, Labels, values_of
from omega_fast.train.data.faults import FaultKind, Faults, OnInvalid
from omega_fast.train.data.reading import Source, read_examples
from omega_fast.train.data.report import DataReport, SplitReport, report_of
from omega_fast.train.data.separator import separator_of
from omega_fast.train.data.siblings import SiblingPair, sibling_pairs
from omega_fast.train.data.splits import held_out, split_by_question
from omega_fast.train.data.weights import class_weights, each_state_once, normalised

__all__ = [
    "DataReport",
    "Duplicates",
    "Example",
    "FaultKind",
    "Faults",
    "Labels",
    "OnInvalid",
    "SiblingPair",
    "Source",
    "SplitReport",
    "class_weights",
    "each_state_once",
    "held_out",
    "normalised",
    "read_examples",
    "report_of",
    "separator_of",
    "sibling_pairs",
    "split_by_question",
    "values_of",
    "without_duplicates",
]
