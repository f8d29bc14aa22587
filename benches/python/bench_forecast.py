"""The forecast after a third of the questions against what the rest then cost, and what a third of the money buys.

One run on the embedded ledger policy is made, or taken with `--run`, and its draws are played back by their seeds: so
every figure is of the same draws, and takes no model.

    python benches/python/bench_forecast.py [--questions 60] [--run FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omega_fast.backends.base import Prompt
from omega_fast.config import PRESETS, AnnotateConfig
from omega_fast.jobs import annotate, run_config
from omega_fast.journal import question_from
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question
from omega_fast.spending.forecast import Expected
from omega_fast.store import RunDirectory
from omega_fast.summary import Progress, RunSummary

LEDGER = {**PRESETS["ledger"], "question_file": "ledger", "threads": 1, "speculation": 0}
SLOTS = 64
AT_A_TIME = 16


class Playback:
    """A backend that gives what a run was given, a few answers at a time and the oldest first."""

    def __init__(self, draws: Mapping[int, Generation], slots: int) -> None:
        self.slots = slots
        self._draws = draws
        self._waiting: dict[int, int] = {}

    def fingerprint(self) -> Mapping[str, Any]:
        return {"backend": "playback"}

    def prompt(self, question: Question) -> Prompt:
        return Prompt(question.problem, ())

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        self._waiting |= {request.id: request.seed for request in requests}

    def cancel(self, ids: Collection[int]) -> None:
        for number in ids:
            self._waiting.pop(number, None)

    def poll(self, timeout: float) -> list[Generation]:
        chosen = list(self._waiting)[:AT_A_TIME]
        return [replace(self._draws[self._waiting.pop(number)], id=number) for number in chosen]

    def close(self) -> None:
        self._waiting.clear()


@dataclass(frozen=True)
class Recording:
    """A finished run: its settings, questions and draws."""

    config: AnnotateConfig
    questions: list[Question]
    draws: dict[int, Generation]

    def again(self, folder: Path, **changes: Any) -> tuple[RunSummary, list[Progress]]:
        """The same run by playback, with other budgets, and its progress."""
        told: list[Progress] = []
        update = {"output_dir": folder, "slots": SLOTS, "speculation": 0, **changes}
        config = AnnotateConfig.model_validate(self.config.model_dump() | update)
        backend = Playback(self.draws, config.slots)
        return annotate(config, questions=self.questions, backend=backend, on_progress=told.append), told


def recorded(run: Path, questions: int) -> Recording:
    view = RunDirectory.read(run)
    asked = [question_from(record.body) for record in view.records({"question"})][:questions]
    draws = {record.body["seed"]: drawn(record.body) for record in view.records({"rollout"})}
    return Recording(run_config(run), asked, draws)


def drawn(body: Mapping[str, Any]) -> Generation:
    """The continuation in a record; its id means nothing."""
    return Generation(
        id=-1,
        text=body["text"],
        token_ids=body["token_ids"],
        token_ends=body["token_ends"],
        n_tokens=body["n_tokens"],
        n_prompt_tokens=body["n_prompt_tokens"],
        finish=FinishReason(body["finish"]),
    )


@dataclass(frozen=True)
class Check:
    """A forecast, and what then came."""

    name: str
    forecast: Expected
    took: float

    @property
    def ratio(self) -> float:
        """What came over what was forecast."""
        return self.took / self.forecast.value

    @property
    def inside(self) -> bool:
        """Whether the interval holds what came."""
        return self.forecast.low <= self.took <= self.forecast.high

    def shown(self) -> str:
        interval = f"{self.forecast.low:,.1f} to {self.forecast.high:,.1f}"
        return (
            f"{self.name}: forecast {self.forecast.value:,.1f} ({interval}), then {self.took:,.1f}; "
            f"ratio {self.ratio:.3f}, {'inside' if self.inside else 'OUTSIDE'}"
        )


@dataclass(frozen=True)
class Forecasts:
    """What was forecast after a third of the questions.

    Attributes:
        done: Questions finished by then; the forecast is from `seen` of them.
        seen: Questions that it rests on.
        tokens: Tokens of the whole run.
        checks: Each forecast beside what came; none if there was no forecast before the end.
    """

    done: int
    seen: int
    tokens: int
    checks: tuple[Check, ...]


def forecasts(recording: Recording, folder: Path, spend: str, slots: int = SLOTS) -> Forecasts:
    """The forecasts after a third of the questions against what came."""
    whole, told = recording.again(folder, spend=spend, slots=slots)
    third = len(recording.questions) / 3
    then = next((each for each in told if each.questions_done >= third and each.outlook is not None), None)
    outlook = None if then is None else then.outlook
    if then is None or outlook is None or then.questions_done == whole.questions:
        return Forecasts(whole.finished, 0, whole.tokens_in_log, ())
    tokens, rollouts = whole.tokens_in_log - then.tokens, whole.rollouts_in_log - then.rollouts
    checks = [
        Check("tokens left", outlook.left.tokens, tokens),
        Check("rollouts left", outlook.left.rollouts, rollouts),
    ]
    gained = {"label": whole.labels - then.labels, "first_error": whole.located - then.located}
    for name, count in gained.items():
        price = getattr(outlook, name)
        if price is not None and count:
            checks.append(Check(f"tokens a {name.replace('_', ' ')}", price.tokens, tokens / count))
            checks.append(Check(f"rollouts a {name.replace('_', ' ')}", price.rollouts, rollouts / count))
    return Forecasts(then.questions_done, outlook.questions, whole.tokens_in_log, tuple(checks))


def forecast_after_a_third(recording: Recording, folder: Path, spend: str) -> int:
    """Print the forecasts against what came; the tokens of the whole run."""
    found = forecasts(recording, folder, spend)
    if not found.checks:
        print(f"spend={spend}: no forecast before the end, since all questions go on together")
        return found.tokens
    print(f"spend={spend}: after {found.done} of {len(recording.questions)} questions, from {found.seen}")
    for each in found.checks:
        print("  " + each.shown())
    return found.tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--run", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, run = Path(name), given.run
        if run is None:
            run = folder / "made"
            annotate(
                AnnotateConfig.model_validate(
                    LEDGER | {"limit": given.questions, "output_dir": run, "solutions": "ignore"}
                )
            )
        recording = recorded(run, given.questions)
        for spend in ("finish", "even"):
            tokens = forecast_after_a_third(recording, folder / spend, spend)
        for spend in ("even", "finish"):
            third, _ = recording.again(folder / f"third-{spend}", spend=spend, max_tokens=tokens // 3)
            print(
                f"a third of the tokens, spend={spend}: {third.finished} questions finished, {third.labels} labels, "
                f"{third.located} first errors, {1000 * third.located / third.rollouts_in_log:.1f} per 1,000 rollouts"
            )


if __name__ == "__main__":
    main()
