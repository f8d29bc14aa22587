"""Small annotation runs with the fake engine, and what their logs say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omega_fast.config import AnnotateConfig
from omega_fast.jobs import annotate
from omega_fast.records import Question
from omega_fast.store import Record, RunDirectory
from omega_fast.summary import RunSummary
from tests.engine.fakes import FakeEngine, Knobs, questions

__all__ = ["annotated", "artifacts", "draws", "exports", "records", "settings"]

SMALL = {
    "num_rollouts": 4,
    "rollout_budget": 20,
    "max_search_count": 4,
    "separator": "\n",
    "max_new_tokens": 200,
    "speculation": 0,
}


def settings(run: Path, **changes: Any) -> AnnotateConfig:
    return AnnotateConfig(**(SMALL | {"question_file": "given", "output_dir": run, "slots": 8} | changes))


def annotated(
    run: Path,
    engine: FakeEngine | None = None,
    asked: Iterable[Question] | None = None,
    **changes: Any,
) -> RunSummary:
    stop = changes.pop("stop", None)
    config = settings(run, **changes)
    engine = engine or FakeEngine(Knobs(slots=config.slots))
    return annotate(config, questions=questions(5) if asked is None else asked, backend=engine, stop=stop)


def artifacts(run: Path) -> bytes:
    return (run / "artifacts.jsonl").read_bytes()


def exports(run: Path) -> dict[str, bytes]:
    """What a run shows the world: its artifacts and the files of its `export` folder."""
    return {"artifacts": artifacts(run)} | {
        path.name: path.read_bytes() for path in (run / "export").iterdir()
    }


def records(run: Path, *kinds: str) -> list[Record]:
    return list(RunDirectory.read(run).records(kinds or None))


def draws(run: Path) -> Counter[tuple[str, str, int]]:
    """How often each draw is in the log."""
    return Counter(
        (record.body["question"], record.body["state"], record.body["draw"])
        for record in records(run, "rollout")
    )
