"""The embedded task: register arithmetic told as tagged statements, with exact truth about every step.

A problem reads `x is 9 . y is 1 . a y add 8 . b x times 3 . c x add y . ?`; a solution carries out one
statement a line, `a y 1 + 8 = 9`, in any order the statements' dependencies allow, and ends in `answer 6 9`.
"""

from omega_fast.tasks.ledger.corruptions import Corruption, CorruptionKind, corrupt
from omega_fast.tasks.ledger.demonstrations import CLEAN, SlipRates, demonstrate, trap_result
from omega_fast.tasks.ledger.generator import LedgerConfig, Skin, generate, is_strict
from omega_fast.tasks.ledger.program import LedgerProblem, Statement
from omega_fast.tasks.ledger.questions import Split, problems, questions, split_of
from omega_fast.tasks.ledger.skins import PlainTelling, plain_telling
from omega_fast.tasks.ledger.text import parse, render
from omega_fast.tasks.ledger.truth import (
    count_right_solutions,
    first_error,
    gold_answer,
    prefix_is_right,
    right_next_steps,
    right_solutions,
    truth,
)
from omega_fast.tasks.ledger.value import NextLines, ValueBounds, policy_value

__all__ = [
    "CLEAN",
    "Corruption",
    "CorruptionKind",
    "LedgerConfig",
    "LedgerProblem",
    "NextLines",
    "PlainTelling",
    "Skin",
    "SlipRates",
    "Split",
    "Statement",
    "ValueBounds",
    "corrupt",
    "count_right_solutions",
    "demonstrate",
    "first_error",
    "generate",
    "gold_answer",
    "is_strict",
    "parse",
    "plain_telling",
    "policy_value",
    "prefix_is_right",
    "problems",
    "questions",
    "render",
    "right_next_steps",
    "right_solutions",
    "split_of",
    "trap_result",
    "truth",
]
