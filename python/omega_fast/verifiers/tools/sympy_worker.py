"""The SymPy tool's program in its worker process: a query as text goes in, the decision comes out."""

from __future__ import annotations

import sys

from omega_fast.records import Verdict
from omega_fast.verifiers.confinement import confine
from omega_fast.verifiers.tools.query_decision import Decision, decide
from omega_fast.verifiers.tools.query_parser import parse_query
from omega_fast.verifiers.tools.query_tree import MeaninglessError, QueryError

__all__ = ["check"]

_VERDICTS = {True: Verdict.CORRECT, False: Verdict.WRONG, None: Verdict.UNSUPPORTED}


def check(query: str) -> dict[str, str]:
    """Decide a query.

    Raises:
        MemoryError, RecursionError: The algebra ran out.
    """
    try:
        decision = decide(parse_query(query))
    except MeaninglessError as error:
        decision = Decision(False, str(error))
    except QueryError as error:
        decision = Decision(None, str(error))
    found = {"verdict": str(_VERDICTS[decision.holds]), "detail": decision.reason}
    return found if decision.value is None else found | {"value": decision.value}


# SymPy writes long integers; what is longer than this is cut anyway, and the limit is the interpreter's
sys.set_int_max_str_digits(40_000)
check("for all x: (x + 1)^2 = x^2 + 2*x + 1")  # loads what SymPy loads late, before the first deadline runs
confine()
