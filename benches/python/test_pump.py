"""The pump on an engine that costs nothing, the log, and replay: `make bench`; among the tests each runs once."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from bench_pump import NoLog, durable, pumped, replayed, settings
from omega_fast.jobs.annotate import open_run
from omega_fast.journal import DrawKey, rollout_body
from omega_fast.records import FinishReason, Generation

QUESTIONS = 4
ROUNDS = 5
RECORDS = 256
TEXT = "a step of a solution of some length, and so on\n" * 22


def test_pump_a_run_on_an_engine_that_costs_nothing(benchmark: Any, tmp_path: Path) -> None:
    config = settings(tmp_path / "run")
    _, responses, lines = benchmark.pedantic(
        lambda: pumped(config, QUESTIONS, NoLog(), with_ids=True), rounds=ROUNDS
    )
    assert responses >= QUESTIONS * 16
    assert len(lines) == QUESTIONS


def test_append_256_rollouts_of_1_kb_to_the_log_and_sync_them(benchmark: Any, tmp_path: Path) -> None:
    generation = Generation(0, TEXT, list(range(256)), list(range(4, 1028, 4)), 257, 100, FinishReason.STOP)
    draws = itertools.count()
    with open_run(settings(tmp_path / "run")) as run:

        def append() -> int:
            for _ in range(RECORDS):
                draw = next(draws)
                run.append("rollout", rollout_body(DrawKey("q", "0" * 32, draw), draw, generation))
            run.commit()
            return draw

        assert benchmark.pedantic(append, rounds=ROUNDS) == next(draws) - 1


def test_replay_a_run_from_its_log(benchmark: Any, tmp_path: Path) -> None:
    with durable(tmp_path / "run") as log:
        _, _, lines = pumped(settings(tmp_path / "run"), QUESTIONS, log, with_ids=True)
    again = benchmark.pedantic(lambda: replayed(tmp_path / "run", QUESTIONS), rounds=ROUNDS)
    assert sorted(again.lines) == sorted(lines)
