"""Ids are text from strangers: none of them names a file outside the run directory, or breaks the run."""

from __future__ import annotations

import orjson
import pytest

from omega_fast.jobs import annotate, export
from omega_fast.search.projection import read_artifacts
from omega_fast.store.formats import FORMATS
from tests.engine.fakes import FakeEngine
from tests.engine.runs import settings

HOSTILE = [
    "../../x",
    "/etc/omega-was-here",
    "..",
    ".",
    "CON",
    "a\nb",
    "\u202e\u2028",
    "<script>alert(1)</script>",
    "\x1b]0;gone\x07",
    "%2e%2e%2f",
    "~root",
    "q" * 512,
    "🙂" * 128,
]
REFUSED = ["q" * 513, "x" * 4096, "a\0b", "", "   ", "nan"]


class Any(FakeEngine):
    """Answers whatever the id."""

    def _generation(self, request):
        from dataclasses import replace

        plain = replace(request.question, id="q7")
        return super()._generation(replace(request, question=plain))


@pytest.fixture
def around(tmp_path):
    """A run directory three levels down, with everything in view that a path could climb to."""
    run = tmp_path / "a" / "b" / "run"
    run.parent.mkdir(parents=True)
    return run


def test_hostile_ids_leave_nothing_outside_the_run_and_come_out_as_they_went_in(tmp_path, around):
    rows = [{"id": each, "problem": "4 steps, please", "answer": "7"} for each in HOSTILE + REFUSED]
    asked = tmp_path / "asked.jsonl"
    asked.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    summary = annotate(settings(around, question_file=str(asked)), backend=Any())
    assert (summary.finished, summary.quarantined) == (len(HOSTILE), len(REFUSED))
    for name in FORMATS:
        export(around, format=name)
    assert [tree.question.id for tree in read_artifacts(around)] == HOSTILE
    outside = {path for path in tmp_path.rglob("*") if path.is_file() and around not in path.parents}
    assert outside == {asked}
    assert {path.name for path in around.iterdir()} == {
        "artifacts.jsonl",
        "export",
        "log",
        "manifest.json",
        "quarantine.jsonl",
    }
    assert {path.name.partition(".")[0] for path in (around / "export").iterdir()} == set(FORMATS)
