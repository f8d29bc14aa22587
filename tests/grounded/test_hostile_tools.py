"""Whatever a tool says, or raises, a label comes from one well-formed finding alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omega_fast.grounded import search_job
from omega_fast.grounded.root_job import write_roots
from omega_fast.grounded.search_job import run_search
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.search_summary import SearchSummary
from omega_fast.grounded.settings import GroundedSettings
from omega_fast.verifiers.tools import Finding, ToolAnswer, open_tool
from omega_fast.verifiers.tools.ledger import LedgerTool
from tests.grounded.test_search import nodes, trees

MEGABYTE = "right " * 200_000


class Own(LedgerTool):
    """A tool of one's own in this process, as an entry point brings it."""

    def __init__(self, said: Callable[[], Any]) -> None:
        self._said = said

    def check(self, query: str) -> ToolAnswer:
        answer: ToolAnswer = self._said()
        return answer


def raised() -> ToolAnswer:
    raise ValueError("right")


HOSTILE: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "empty": lambda: "",
    "a word": lambda: "right",
    "broken": lambda: '{"finding": "right", "reason": ',
    "a megabyte": lambda: MEGABYTE,
    "a megabyte of reasons": lambda: ToolAnswer(Finding.RIGHT, MEGABYTE),
    "a megabyte for a value": lambda: ToolAnswer(Finding.WRONG, "no", MEGABYTE),
    "both": lambda: ToolAnswer("right and wrong", "both"),  # type: ignore[arg-type]
    "two": lambda: (ToolAnswer(Finding.RIGHT, "a"), ToolAnswer(Finding.WRONG, "b")),
    "no reason": lambda: ToolAnswer(Finding.RIGHT, None),  # type: ignore[arg-type]
    "a number for a value": lambda: ToolAnswer(Finding.RIGHT, "so it is", 3),  # type: ignore[arg-type]
    "an error": raised,
}


def searched(folder: Path, monkeypatch: pytest.MonkeyPatch, tool: Any) -> SearchSummary:
    roots = folder / "root.json"
    write_roots("ledger", roots, GroundedSettings(), most=2)
    monkeypatch.setattr(search_job, "open_tool", lambda *_: tool)
    return run_search(roots, folder / "out", GroundedSettings(), SearchSettings(rounds=2, canary_rate=0.3))


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_that_is_none_gives_no_label_and_no_canary_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    done = searched(tmp_path, monkeypatch, Own(HOSTILE[name]))
    assert done.counts["steps cannot_say"] == done.counts["steps checked"] > 5
    steps = [each for tree in trees(tmp_path).values() for each in nodes(tree)]
    assert all(each["reflection"] == "" for each in steps)
    for truth in (True, False):
        share = done.canaries.share("finding", right=truth, said=Finding.CANNOT_SAY)
        assert share.hits == share.total > 0
    kept = sum(path.stat().st_size for path in (tmp_path / "out" / "calls").rglob("*") if path.is_file())
    assert kept < 1_000_000


def test_text_that_cannot_be_stored_does_not_end_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = searched(tmp_path, monkeypatch, Own(lambda: ToolAnswer(Finding.WRONG, "\ud800", "\udfff")))
    assert done.counts["steps wrong"] == done.counts["steps checked"] > 5


FUNCTION = """
ANSWERS = {
    "nothing": None, "empty": "", "list": [], "two": ["right", "wrong"], "number": 1, "no verdict": {"detail": "right"},
    "both": {"verdict": ["right", "wrong"]}, "null": {"verdict": None}, "other": {"verdict": "[True]"},
    "text": '{"verdict": "right"}',
}

def check(query):
    return ANSWERS[query]
"""


def test_a_function_that_gives_anything_but_a_verdict_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_tool.py").write_text(FUNCTION)
    monkeypatch.syspath_prepend(tmp_path)
    names = [
        "nothing",
        "empty",
        "list",
        "two",
        "number",
        "no verdict",
        "both",
        "null",
        "other",
        "text",
        "absent",
    ]
    with open_tool("odd_tool:check") as tool:
        assert {name: str(tool.check(name).finding) for name in names} == dict.fromkeys(names, "cannot_say")
