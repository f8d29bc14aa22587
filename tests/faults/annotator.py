"""Runs to be killed: with the fake engine, slowly, and with the shipped policy."""

import time
from pathlib import Path

from omega_fast.config import resolve
from omega_fast.jobs import annotate
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import settings

__all__ = ["with_a_spent_budget", "with_the_fake_engine", "with_the_policy"]


def with_a_spent_budget(run: Path, pause_s: float, max_tokens: int) -> None:
    """The same with a budget for the whole run, which soon leaves room for few draws at a time, then for none."""
    with_the_fake_engine(run, pause_s, max_tokens)


def with_the_fake_engine(run: Path, pause_s: float = 0.0, max_tokens: int | None = None) -> None:
    """Half of the draws fail once, some always, some solutions are supplied; every submission takes a while."""
    engine = FakeEngine(
        Knobs(
            shuffle=time.time_ns(),
            latency=3,
            fails=lambda request: request.seed % 13 == 0,
            fails_once=lambda request: request.seed % 2 == 0,
            on_submit=lambda *_: time.sleep(pause_s),
        )
    )
    config = settings(run, rollout_budget=40, solutions="seed", max_tokens=max_tokens)
    annotate(config, questions=questions(6, solutions=1), backend=engine)


def with_the_policy(run: Path) -> None:
    """Ten problems of the embedded task."""
    small = {"limit": 10, "slots": 16, "threads": 1, "num_rollouts": 4, "rollout_budget": 24, "seed": 3}
    annotate(resolve(env={}, overrides={"question_file": "ledger", "output_dir": run, **small}))
