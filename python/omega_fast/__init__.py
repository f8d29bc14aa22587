"""Process supervision from a language model: find which step of a solution goes wrong.

>>> import omega_fast
>>> finding = omega_fast.omega_prm(question, golden_answers, model)           # doctest: +SKIP
>>> run = omega_fast.annotate("questions.jsonl", output_dir="run", model_name="your/model")  # doctest: +SKIP
>>> prm = omega_fast.train_prm("run", "out/prm", model="your/model")                         # doctest: +SKIP
>>> found = omega_fast.solve("what is 2 + 3 ?", model="your/model", prm="out/prm", method="beam")  # doctest: +SKIP

Importing this loads no torch; an engine loads what it needs when it is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omega_fast.api import Finding, Run, annotate, annotate_async, omega_prm, open_run, what_if
    from omega_fast.gflownet_api import train_gflownet
    from omega_fast.guided_api import guided_search, solve
    from omega_fast.models.prm import PRM, load_prm
    from omega_fast.records import Question, Solution
    from omega_fast.train.generative import train_generative_prm
    from omega_fast.train.implicit import train_implicit_prm
    from omega_fast.train.prm import train_prm

__all__ = [
    "PRM",
    "Finding",
    "Question",
    "Run",
    "Solution",
    "annotate",
    "annotate_async",
    "guided_search",
    "load_prm",
    "omega_prm",
    "open_run",
    "solve",
    "train_generative_prm",
    "train_gflownet",
    "train_implicit_prm",
    "train_prm",
    "what_if",
]

_ELSEWHERE = {
    "Question": "omega_fast.records",
    "Solution": "omega_fast.records",
    "PRM": "omega_fast.models.prm",
    "load_prm": "omega_fast.models.prm",
    "train_generative_prm": "omega_fast.train.generative",
    "train_gflownet": "omega_fast.gflownet_api",
    "train_implicit_prm": "omega_fast.train.implicit",
    "train_prm": "omega_fast.train.prm",
    "guided_search": "omega_fast.guided_api",
    "solve": "omega_fast.guided_api",
}
_HOMES = {name: _ELSEWHERE.get(name, "omega_fast.api") for name in __all__}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only the first use of a name pays for it

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
