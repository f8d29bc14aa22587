"""Process supervision from a language model: find which step of a solution goes wrong.

>>> import omega_fast
>>> finding = omega_fast.omega_prm(question, golden_answers, model)           # doctest: +SKIP
>>> run = omega_fast.annotate("questions.jsonl", output_dir="run", model_name="your/model")  # doctest: +SKIP

Importing this loads no torch; an engine loads what it needs when it is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omega_fast.api import Finding, Run, annotate, annotate_async, omega_prm, open_run, what_if
    from omega_fast.records import Question, Solution

__all__ = [
    "Finding",
    "Question",
    "Run",
    "Solution",
    "annotate",
    "annotate_async",
    "omega_prm",
    "open_run",
    "what_if",
]

_HOMES = {
    name: "omega_fast.records" if name in ("Question", "Solution") else "omega_fast.api" for name in __all__
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only the first use of a name pays for it

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
