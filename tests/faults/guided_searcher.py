"""Guided searches to be killed: with the fake engine, slowly."""

import time
from pathlib import Path

from omega_fast.config import resolve
from omega_fast.jobs import eval_guided
from omega_fast.jobs.guided_settings import run_overrides
from tests.engine.fakes import FakeEngine, Knobs, questions

__all__ = ["searched"]


class Marks:
    """What a perfect model would say of the fake engine's solutions."""

    def score_many(self, solutions):
        return [
            [0.1 if "bad" in "".join(steps[: at + 1]) else 0.9 for at in range(len(steps))]
            for _, steps in solutions
        ]


def searched(run: Path, pause_s: float = 0.0, method: str = "beam") -> None:
    """Half of the draws fail once, answers come in any order, every submission takes a while."""
    engine = FakeEngine(
        Knobs(
            shuffle=time.time_ns(),
            latency=3,
            fails_once=lambda request: request.seed % 2 == 0,
            on_submit=lambda *_: time.sleep(pause_s),
        )
    )
    given = {"question_file": "given", "model_name": "fake", "output_dir": run, "separator": "\n"}
    search = {"method": method, "n": 8, "beam_width": 4, "end_pattern": "^answer"}
    config = resolve(env={}, overrides=run_overrides(given))
    eval_guided(config, search, scorer=Marks(), questions=questions(12), backend=engine)
