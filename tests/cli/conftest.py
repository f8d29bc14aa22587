"""The command line with jobs that record what they were asked and return what a test gives them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from omega_fast.cli import (
    annotate,
    augment,
    bench,
    demo,
    estimate,
    export,
    preview,
    replay,
    reverify,
    seed,
    status,
)
from omega_fast.cli.app import app
from omega_fast.data_summary import AugmentSummary, SeedSummary
from omega_fast.speed import BenchSummary, Speed, Trial
from omega_fast.summary import (
    DemoSummary,
    ExportSummary,
    Figures,
    Forecast,
    Progress,
    PromptPreview,
    Proportion,
    Reach,
    RunSummary,
    StoppedQuestion,
    WhatIfSummary,
)

SUMMARY: dict[str, Any] = {
    "run": Path("runs/a"),
    "questions": 3,
    "finished": 3,
    "quarantined": 0,
    "rollouts": 1200,
    "tokens": 34_567,
    "rollouts_in_log": 1200,
    "tokens_in_log": 34_567,
    "labels": 40,
    "searches": 9,
    "located": 7,
    "excluded": 1,
    "verdicts": {"correct": 700, "wrong": 499, "timeout": 1},
    "finishes": {"pool_empty": 2, "search_limit": 1},
    "retokenised": 0,
    "lost": 0,
    "seconds": 12.5,
    "complete": True,
}
PROGRESS = Progress(
    questions_done=1,
    questions_total=3,
    rollouts=400,
    tokens=9000,
    labels=11,
    located=2,
    excluded=0,
    truncated=0,
    seconds=4.0,
    in_flight=64,
)


class FakeJobs:
    """Jobs that do nothing; `asked` holds the arguments of the last one, `fails` is raised by the next."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.changes: dict[str, Any] = {}
        self.fails: BaseException | None = None
        self.before: Callable[[], None] = lambda: None

    def _answer(self, **asked: Any) -> RunSummary:
        self.asked = asked
        self.before()
        if asked.get("on_progress") is not None:
            asked["on_progress"](PROGRESS)
        if self.fails is not None:
            raise self.fails
        return RunSummary(**{**SUMMARY, **self.changes})

    def annotate(self, config: Any, **asked: Any) -> RunSummary:
        return self._answer(config=config, **asked)

    def seed(self, config: Any, **asked: Any) -> SeedSummary:
        return SeedSummary(
            run=self._answer(config=config, **asked),
            path=Path("runs/a/export/seed.jsonl"),
            questions=3,
            right=7,
            wrong=5,
            repeated=1,
            unfinished=0,
            unjudged=0,
            without_right=0,
            without_wrong=4,
            named=("q-1", "q-2", "q-3"),
        )

    def augment(self, run: Path, **asked: Any) -> AugmentSummary:
        self._answer(run=run, **asked)
        counts = dict.fromkeys(("questions", "rollouts", "left_out", "states", "added", "groups"), 1) | {
            "admitted": 3
        }
        values = dict.fromkeys(("merged", "all_right", "all_wrong", "mixed", "thin"), 0)
        judged = {"kept": 0, "agreement": None, "rejected": {"not_judged": 2}}
        consensus = judged if asked["consensus"] else None
        return AugmentSummary(rows={"a.csv": 2}, **counts, **values, consensus=consensus)

    def status(self, run: Path) -> RunSummary:
        return self._answer(run=run)

    def replay(self, run: Path) -> RunSummary:
        return self._answer(run=run)

    def what_if(self, run: Path, settings: Mapping[str, Any], *, output: Path | None) -> WhatIfSummary:
        self._answer(run=run, settings=settings, output=output)
        figures = Figures(questions=1, rollouts=1000, tokens=2000, searches=3, located=2, labels=4)
        return WhatIfSummary(
            run=run,
            output=output,
            changes={"locate": ("binary", "bayes")},
            questions=3,
            original=figures,
            original_same_questions=figures,
            decided=figures,
            so_far=figures,
            stopped=(StoppedQuestion("q1", 2, 30),),
            reach=Reach(draws_wanted=1200, draws_answered=1100, draws_recorded=4000),
        )

    def reverify(self, run: Path, **asked: Any) -> RunSummary:
        return self._answer(run=run, **asked)

    def export(self, run: Path, **asked: Any) -> ExportSummary:
        self._answer(run=run, **asked)
        return ExportSummary(Path("runs/a/export/flat.jsonl"), 12)

    def preview(self, config: Any, **asked: Any) -> list[PromptPreview]:
        self._answer(config=config, **asked)
        said = "solve \x1b[31mthis\x1b]0;owned\x07 [bold]now[/bold]"
        return [
            PromptPreview(question_id="q-1", text=said, token_ids=(5, 6), steps=("a\n", "b"), retokenised=1)
        ]

    def estimate(self, config: Any, **asked: Any) -> Forecast:
        self._answer(config=config, **asked)
        return Forecast(
            questions=20,
            rollouts=4000,
            tokens=80_000,
            seconds=30.0,
            forecast_questions=7473,
            forecast_tokens=3e7,
            forecast_hours=3.1,
        )

    def bench(self, config: Any, **asked: Any) -> BenchSummary:
        self._answer(config=config, **asked)
        asked["tell"]("slots 64: 5,000 tokens/s \x1b[31m")
        speed = Speed(draws=100, tokens=5000, seconds=1.0, busy=0.97, own_cpu_us_a_draw=120.0)
        trials = [Trial(settings={"slots": 64}, draws=100, rates=(5000.0,))] if asked["tune"] else []
        chosen = {"slots": 128} if trials else {}
        return BenchSummary(
            engine="hf",
            model="m",
            slots=64,
            speeds=[speed],
            trials=trials,
            chosen=chosen,
            recipe=asked["recipe"],
        )

    def demo(self, **asked: Any) -> DemoSummary:
        self._answer(**asked)
        return DemoSummary(
            **SUMMARY,
            exact_hit_accuracy=Proportion(90, 100),
            hard_label_accuracy=Proportion(0, 0),
            files={"report": Path("runs/a/report.html")},
        )


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> FakeJobs:
    fake = FakeJobs()
    modules = (annotate, augment, bench, demo, estimate, export, preview, replay, reverify, seed, status)
    for module in modules:
        monkeypatch.setattr(module, "load_jobs", lambda: fake)
    return fake


@pytest.fixture
def omega(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Runs a command line in an empty folder and environment; stdout, stderr and exit code come back."""
    for name in [name for name in os.environ if name.startswith("OMEGA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> Any:
        return CliRunner().invoke(app, list(args))

    return run
