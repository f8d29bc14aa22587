"""Files of labelled solutions on their way in and out: converted, imported, split and merged. No run, no engine."""

from omega_fast.exchange.convert import Conversion, convert, detect
from omega_fast.exchange.importing import Imported, import_questions
from omega_fast.exchange.merge import Merged, merge
from omega_fast.exchange.split import Parts, split, split_by_question

__all__ = [
    "Conversion",
    "Imported",
    "Merged",
    "Parts",
    "convert",
    "detect",
    "import_questions",
    "merge",
    "split",
    "split_by_question",
]
