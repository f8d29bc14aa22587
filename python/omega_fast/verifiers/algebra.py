"""Equality of two answers by computer algebra (Math-Verify), for worker processes and nowhere else.

Only the LaTeX grammar is used, so no text reaches `parse_expr` or `eval`; as a second line, importing this
module forbids the process to start programs, to open connections, and to write files.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from latex2sympy2_extended.latex2sympy2 import normalize_latex
from math_verify import LatexExtractionConfig, verify
from math_verify.parser import parse_latex_cached

from omega_fast.records import Verdict
from omega_fast.verifiers.confinement import confine
from omega_fast.verifiers.normal import normal_form, split_unit

__all__ = ["check"]

# The library would take the variable of `3 t` for a unit.
_NORMALIZATION = replace(LatexExtractionConfig().normalization_config, units=False)


def check(gold: str, answer: str) -> Verdict:
    """Whether `answer` is `gold`: `correct`, `wrong`, or `unsupported` where the gold answer cannot be read.

    Raises:
        MemoryError, RecursionError: The algebra ran out; whether the answer is right is not known.
    """
    try:
        expected = _parse(gold)
    except (MemoryError, RecursionError):
        raise
    except Exception:
        return Verdict.UNSUPPORTED
    try:
        equal = verify(expected, _parse(answer), timeout_seconds=None, raise_on_error=True)
    except (MemoryError, RecursionError):
        raise
    except Exception:
        return Verdict.WRONG
    return Verdict.CORRECT if equal else Verdict.WRONG


def _parse(answer: str) -> object:
    latex, _ = split_unit(normal_form(answer).replace("**", "^"))
    expression = parse_latex_cached(normalize_latex(latex, config=_NORMALIZATION))
    if expression is None:
        raise ValueError("no expression")
    return expression


logging.disable(logging.CRITICAL)
check("1", r"\frac{x}{2}")  # builds the parser's tables before the first deadline runs
confine()
