"""How fast this machine's engine is under a real search, and which settings make it faster."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from threading import Event, Timer
from typing import Any

import yaml

from omega_fast.backends.base import Backend
from omega_fast.config import AnnotateConfig
from omega_fast.errors import ConfigError, InputError
from omega_fast.jobs.annotate import annotate
from omega_fast.jobs.bench_grid import Axis, axes_of
from omega_fast.jobs.bench_trial import WARM_UP, try_setting
from omega_fast.jobs.metered import Metered
from omega_fast.jobs.opening import open_policy, open_questions
from omega_fast.records import GenerationRequest, Question
from omega_fast.speed import BenchSummary, Speed, Trial, beats

__all__ = ["bench"]

Tell = Callable[[str], None]

_KEPT = 4096
_REPEATS = 3
_TRIALS_A_TUNING = 32
"""The time is divided by about as many repeats as a tuning of two settings takes."""
_SLOW_TO_OPEN_S = 5.0
_SHARE_FOR_SEARCHES = 0.25


def bench(
    config: AnnotateConfig,
    *,
    questions: int = 20,
    tune: bool = False,
    max_time: float = 300.0,
    recipe: Path | None = None,
    tell: Tell | None = None,
    open_engine: Callable[[AnnotateConfig], Backend] = open_policy,
) -> BenchSummary:
    """Search a few questions with the engine as it is configured, and keep nothing; then perhaps tune it.

    Tuning asks every setting for what the search asked for, from its first request on. Of the values of a setting,
    half are left out after a short pass, and the rest have three repeats. One is chosen over the value in force if it
    is faster by more than the spread of the repeats of either.

    Args:
        config: The engine, the questions, the search.
        questions: How many of the questions are searched.
        tune: Whether to look for better settings.
        max_time: Seconds from the engine's start on. Where settings are tuned, a quarter goes to the searches, and
            each further start of an engine counts too.
        recipe: Where the chosen settings are written, as YAML that `--recipe` reads; not if there is none.
        tell: Told what is found while it goes on, a line each.
        open_engine: How an engine is opened.

    Raises:
        BackendError: If the engine cannot start or fails.
        ConfigError: If the engine has nothing to tune, or the recipe could not be written or read.
        InputError: If there is no question, or no draw came back in time.
    """
    say = tell or (lambda _: None)
    _check_recipe(recipe, tune)
    axes = axes_of(config) if tune else []
    asked = list(islice(open_questions(config, lambda _: None), questions))
    if not asked:
        raise InputError(f"{config.question_file} holds no question", hint="check the file and its format")
    for_searches = max_time * (_SHARE_FOR_SEARCHES if tune else 1.0)
    speeds, requests, opened = _searches(config, asked, for_searches, open_engine, say)
    summary = BenchSummary(
        engine=config.model_type, model=config.model_name, slots=config.slots, speeds=speeds
    )
    if not tune:
        return summary
    deadline = time.monotonic() + max_time - for_searches
    tuning = _Tuning(config, requests, deadline, open_engine, say, opened)
    chosen = tuning.choose(axes, speeds, max_time - for_searches)
    summary = replace(summary, trials=tuning.trials, chosen=chosen, notes=tuning.notes)
    if recipe is None or not chosen:
        return summary
    _write(recipe, summary)
    return replace(summary, recipe=recipe)


def _searches(
    config: AnnotateConfig,
    questions: Sequence[Question],
    max_time: float,
    open_engine: Callable[[AnnotateConfig], Backend],
    say: Tell,
) -> tuple[list[Speed], list[GenerationRequest], float]:
    """Whole searches of the questions, with other seeds each: a warm-up, then three, as far as the time goes.

    The warm-up counts where nothing else fits in. Also gives what was asked for, and the seconds the engine took to
    open.
    """
    found: list[Speed] = []
    began = time.monotonic()
    with closing(open_engine(config)) as engine, tempfile.TemporaryDirectory() as folder:
        opened = time.monotonic() - began
        deadline = time.monotonic() + max_time
        requests: list[GenerationRequest] = []
        for number in range(_REPEATS + 1):
            stop = Event()
            timer = Timer(max(0.0, deadline - time.monotonic()), stop.set)
            timer.daemon = True
            timer.start()
            metered = Metered(engine, keep=0 if requests else _KEPT)
            own = {"output_dir": Path(folder) / str(number), "seed": (config.seed + number) % 2**64}
            try:
                annotate(config.model_copy(update=own), questions=questions, backend=metered, stop=stop)
            finally:
                timer.cancel()
            requests = requests or metered.requests
            speed = metered.speed()
            if speed.draws:
                found.append(speed)
                cut = ", cut short by the time" if stop.is_set() else ""
                say(f"{f'search {number}' if number else 'warm-up'}: {_said(speed)}{cut}")
            if stop.is_set() or time.monotonic() > deadline:
                break
    if not found:
        raise InputError(
            "no draw came back in the time",
            hint="give it more with --max-time, or a smaller --max-new-tokens",
        )
    return found[1:] or found, requests, opened


@dataclass(slots=True)
class _Tuning:
    """Settings compared one after another, each at the best values of those before."""

    config: AnnotateConfig
    requests: Sequence[GenerationRequest]
    deadline: float
    open_engine: Callable[[AnnotateConfig], Backend]
    say: Tell
    opened: float
    trials: list[Trial] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def slow(self) -> bool:
        """Whether an engine takes long to open, so that each value gets one, and only those near by are tried.

        What takes time with a server is what comes before the first request ever, and never comes again.
        """
        return self.opened > _SLOW_TO_OPEN_S and self.config.model_type != "openai"

    def choose(self, axes: Sequence[Axis], speeds: Sequence[Speed], seconds: float) -> dict[str, Any]:
        """The values to use, of the settings whose comparison came to its end."""
        rate = max(speed.draws / speed.seconds for speed in speeds if speed.seconds)
        chosen: dict[str, Any] = {}
        repeats: float = _TRIALS_A_TUNING
        if self.slow:
            axes = [axis.near_by() for axis in axes]
            starts = sum(len(axis.values) for axis in axes)
            repeats = starts * (_REPEATS + WARM_UP)
            seconds -= starts * self.opened
        draws = int(rate * seconds / repeats)
        if draws < 2 * self.config.slots:
            self._note(self._why_nothing(draws, 2 * self.config.slots * repeats / rate - seconds))
            return chosen
        for axis in axes:
            values = self._that_can_be_filled(axis, draws)
            if len(values) < 2:
                continue
            best = self._best(axis, values, draws)
            if best is None:
                self._note(f"{axis.name}: not compared to the end in the time; give it more with --max-time")
                break
            change = axis.change(self.config, best)
            self.config = self.config.model_copy(update=change)
            chosen |= change
        return chosen

    def _why_nothing(self, draws: int, missing: float) -> str:
        if self.slow:
            more = missing / (1 - _SHARE_FOR_SEARCHES)
            return (
                f"nothing was compared: each value starts the engine anew, which took {self.opened:.0f} s; "
                f"give it at least {more:.0f} s more with --max-time"
            )
        return (
            f"nothing was compared: {draws} draws a repeat do not fill the {self.config.slots} slots in the time; "
            "give it more with --max-time, or lower --slots"
        )

    def _that_can_be_filled(self, axis: Axis, draws: int) -> list[Any]:
        """Slots that a repeat fills at least twice: with fewer draws, ramp and drain are all that is seen."""
        if axis.name != "slots":
            return list(axis.values)
        in_force, *others = axis.values
        fit = [value for value in others if 2 * value <= draws]
        if len(fit) < len(others):
            left = ", ".join(str(value) for value in others if value not in fit)
            self._note(f"slots {left}: left out, {draws} draws a repeat do not fill them in the time")
        return [in_force, *fit]

    def _best(self, axis: Axis, values: list[Any], draws: int) -> Any:
        """The value to use, `None` among them for what stays with the engine, or if the comparison was cut short."""
        in_force = values[0]
        finalists = values if self.slow else self._finalists(axis, values, draws)
        rates = self._repeated(axis, finalists, draws)
        if not rates:
            return None
        best = max(rates, key=lambda value: sum(rates[value]) / len(rates[value]))
        if best != in_force and not beats(rates[best], rates[in_force]):
            self._note(
                f"{axis.name}: {best} is not faster than {_named(in_force)} by more than the spread of the repeats"
            )
            best = in_force
        return best

    def _finalists(self, axis: Axis, values: list[Any], draws: int) -> list[Any]:
        """The value in force and the better half of the others, after a short pass; none if that was cut short."""
        in_force = values[0]
        short = {value: self._try(axis, value, max(1, draws // 2), 1) for value in values}
        if not short[in_force].rates:
            return []
        ranked = sorted((value for value in values[1:] if short[value].rates), key=lambda v: -short[v].rate)
        return [in_force, *ranked[: max(1, len(values) // 2)]]

    def _repeated(self, axis: Axis, values: Sequence[Any], draws: int) -> dict[Any, list[float]]:
        """Rates of each value: in turns, so that what else the machine does meets all, unless opening is slow.

        Values under which the engine fails are left out; there are none at all if the time was up.
        """
        rates: dict[Any, list[float]] = {value: [] for value in values}
        rounds, repeats = (1, _REPEATS) if self.slow else (_REPEATS, 1)
        for _ in range(rounds):
            for value in values:
                trial = self._try(axis, value, draws, repeats)
                if len(trial.rates) < repeats:
                    if value != values[0] and time.monotonic() <= self.deadline:
                        rates.pop(value, None)
                        continue
                    return {}
                if value in rates:
                    rates[value] += trial.rates
        return rates

    def _try(self, axis: Axis, value: Any, draws: int, repeats: int) -> Trial:
        if time.monotonic() > self.deadline:
            return Trial(settings={axis.name: value}, draws=draws, rates=(), problem="the time was up")
        trial = try_setting(
            self.config,
            axis.change(self.config, value),
            self.requests,
            draws=draws,
            repeats=repeats,
            deadline=self.deadline,
            open_engine=self.open_engine,
        )
        self.trials.append(trial)
        rates = ", ".join(f"{rate:,.0f}" for rate in trial.rates)
        told = f"{rates} tokens/s over {draws:,} draws" if rates else trial.problem
        self.say(f"{axis.name} {_named(value)}: {told}")
        return trial

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self.say(text)


def _named(value: Any) -> str:
    return "as it is" if value is None else str(value)


def _said(speed: Speed) -> str:
    return (
        f"{speed.tokens_a_second:,.0f} tokens/s, slots busy {speed.busy:.3f}, "
        f"{speed.own_cpu_us_a_draw:,.0f} us of own CPU a draw, {speed.draws:,} draws in {speed.seconds:.1f} s"
    )


def _check_recipe(recipe: Path | None, tune: bool) -> None:
    if recipe is None:
        return
    if not tune:
        raise ConfigError("there is nothing to write to a recipe", hint="--tune finds settings to write")
    if recipe.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"recipe {recipe} is written in YAML", hint="end its name in .yaml")
    if recipe.exists():
        raise ConfigError(f"recipe {recipe} exists", hint="name a new file, or delete that one")
    if not recipe.parent.is_dir():
        raise ConfigError(f"there is no folder {recipe.parent}", hint="make it first")


def _write(recipe: Path, summary: BenchSummary) -> None:
    """The chosen settings and, as comments, what was measured."""
    text = "".join(f"# {line}\n" for line in _comments(summary)) + yaml.safe_dump(dict(summary.chosen))
    try:
        with recipe.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"recipe {recipe} cannot be written: {error}", hint="check its folder") from error


def _comments(summary: BenchSummary) -> Iterator[str]:
    cores = os.cpu_count() or 1
    yield f"Measured by `omega bench --tune` for {summary.engine}, model {summary.model!r}, on {cores} cores"
    yield f"({platform.machine()}). None of these settings changes a label. Tokens a second, repeats in turn:"
    for trial in summary.trials:
        rates = " ".join(f"{rate:.0f}" for rate in trial.rates) if trial.rates else repr(trial.problem)
        given = ", ".join(f"{name}={value!r}" for name, value in trial.settings.items()) or "as it is"
        yield f"  {given}: {rates} ({trial.draws} draws)"
    yield from map(repr, summary.notes)
