"""How fast an engine is and which settings are chosen, with an engine whose speed is planned."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from omega_fast.backends.base import Prompt
from omega_fast.config import resolve
from omega_fast.config.fields import Kind, settings_of
from omega_fast.config.schema import AnnotateConfig
from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.jobs import annotate, bench, bench_trial, metered
from omega_fast.jobs.bench_grid import axes_of
from omega_fast.jobs.bench_trial import try_setting
from omega_fast.jobs.metered import Metered
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question
from omega_fast.speed import beats

bench_module = import_module("omega_fast.jobs.bench")
TEXT = "a\n\nb\n\n\\boxed{2}"


class Clock:
    """Stands still but for what engines take."""

    now = 1.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


@pytest.fixture(autouse=True)
def planned_time(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "for_real" in request.node.name:
        return
    clock = SimpleNamespace(perf_counter=CLOCK, monotonic=CLOCK, thread_time=time.thread_time)
    for module in (bench_module, bench_trial, metered):
        monkeypatch.setattr(module, "time", clock)


class PlannedEngine:
    """Answers up to `slots` requests a turn; a turn takes as long as planned for the setting."""

    def __init__(self, config: AnnotateConfig, turn_s: float, fault: str = "") -> None:
        self.config = config
        self.slots = config.slots
        self.seen: list[GenerationRequest] = []
        self.closed = 0
        self._turn_s = turn_s
        self._fault = fault
        self._waiting: list[GenerationRequest] = []

    def fingerprint(self) -> dict[str, Any]:
        return {"backend": "planned"}

    def prompt(self, question: Question) -> Prompt:
        return Prompt(question.problem, (1,))

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        self.seen.extend(requests)
        self._waiting.extend(requests)

    def cancel(self, ids: Any) -> None:
        self._waiting = [each for each in self._waiting if each.id not in set(ids)]

    def poll(self, timeout: float) -> list[Generation]:
        CLOCK.now += self._turn_s
        now, self._waiting = self._waiting[: self.slots], self._waiting[self.slots :]
        return [self._answer(each) for each in now]

    def _answer(self, request: GenerationRequest) -> Generation:
        if self._fault:
            return Generation(request.id, "", (), (), 0, 1, FinishReason.ERROR, error=self._fault)
        text = TEXT if request.seed % 3 else TEXT.replace("2", "3")
        return Generation(request.id, text, (), (), 10, 1, FinishReason.STOP)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def config(tmp_path: Path) -> AnnotateConfig:
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(f'{{"id": "{n}", "problem": "1 + 1?", "answer": "2"}}\n' for n in range(6)))
    given = {"question_file": str(questions), "model_name": "planned", "slots": 8, "num_rollouts": 4}
    return resolve(env={}, overrides={**given, "rollout_budget": 30, "threads": 1, "verifier_workers": 1})


def engines(turn_s: Callable[[AnnotateConfig], float], **more: Any) -> Any:
    """An opener of planned engines that keeps them."""
    kept: list[PlannedEngine] = []

    def open_engine(config: AnnotateConfig) -> PlannedEngine:
        kept.append(PlannedEngine(config, turn_s(config), **more))
        return kept[-1]

    open_engine.kept = kept  # type: ignore[attr-defined]
    return open_engine


def test_a_search_is_measured_and_nothing_is_left(config: AnnotateConfig, tmp_path: Path) -> None:
    opener = engines(lambda _: 0.002)
    before = sorted(tmp_path.iterdir())
    found = bench(config, questions=4, open_engine=opener)
    assert len(found.speeds) == 3
    for speed in found.speeds:
        assert speed.tokens == 10 * speed.draws > 0
        assert 0 < speed.busy <= 1
        assert speed.own_cpu_us_a_draw > 0
    assert (found.trials, found.chosen, found.recipe) == ((), {}, None)
    (engine,) = opener.kept
    assert {each.question.id for each in engine.seen} == {"0", "1", "2", "3"}
    assert engine.closed == 1
    assert sorted(tmp_path.iterdir()) == before


def test_slots_that_are_faster_beyond_the_noise_are_written_to_a_recipe_that_annotate_reads(
    config: AnnotateConfig, tmp_path: Path
) -> None:
    recipe = tmp_path / "tuned.yaml"
    opener = engines(lambda config: 0.004)  # a turn costs the same however full: the most slots win
    found = bench(config, tune=True, max_time=20, recipe=recipe, open_engine=opener)
    assert found.chosen["slots"] > config.slots
    assert found.recipe == recipe
    assert yaml.safe_load(recipe.read_text()) == dict(found.chosen)
    tuned = resolve(recipe=recipe, env={}, overrides={"question_file": "ledger", "model_name": "x"})
    assert tuned.slots == found.chosen["slots"]
    rates = "\n".join(line for line in recipe.read_text().splitlines() if line.startswith("#"))
    assert f"slots={tuned.slots}" in rates
    assert all(each.closed == 1 for each in opener.kept)


def test_settings_that_make_no_difference_stay_as_they_are(config: AnnotateConfig) -> None:
    noise = random.Random(0)

    class Even(PlannedEngine):
        def poll(self, timeout: float) -> list[Generation]:
            done = super().poll(timeout)
            CLOCK.now += self._turn_s * (len(done) - 1)  # a token costs the same however many come at once
            return done

        def __init__(self, config: AnnotateConfig) -> None:
            super().__init__(config, noise.uniform(0.0009, 0.0011))

    found = bench(config, tune=True, max_time=8, open_engine=Even)
    assert any("by more than the spread" in note for note in found.notes)
    assert found.chosen.get("slots", config.slots) == config.slots


def test_only_measured_settings_that_change_no_label_are_chosen(config: AnnotateConfig) -> None:
    found = bench(config, tune=True, max_time=8, open_engine=engines(lambda _: 0.002))
    operational = {each.name for each in settings_of(AnnotateConfig) if each.kind is Kind.OPERATIONAL}
    assert found.chosen
    assert set(found.chosen) <= operational - {"dtype", "model_name", "device"}
    for name, value in found.chosen.items():
        assert any(trial.settings.get(name) == value and trial.rates for trial in found.trials)


def test_a_comparison_cut_short_by_the_time_chooses_and_writes_nothing(
    config: AnnotateConfig, tmp_path: Path
) -> None:
    opened = []

    def turn(config: AnnotateConfig) -> float:
        opened.append(config)
        return 0.002 if len(opened) == 1 else 0.6  # fast at first, then nearly hung

    recipe = tmp_path / "tuned.yaml"
    found = bench(config, tune=True, max_time=3, recipe=recipe, open_engine=engines(turn))
    assert found.chosen == {}
    assert found.recipe is None
    assert not recipe.exists()
    assert any("not compared to the end" in note for note in found.notes)


def test_an_engine_too_slow_to_fill_its_slots_in_the_time_is_not_tuned(config: AnnotateConfig) -> None:
    found = bench(config, tune=True, max_time=60, open_engine=engines(lambda _: 10.0))
    assert len(found.speeds) == 1
    assert (found.chosen, found.trials) == ({}, [])
    assert "--max-time" in found.notes[0]


def slow_to_open(turn_s: float, seconds: float, fails: Callable[[int], bool] = lambda slots: False) -> Any:
    """An opener of planned engines that takes its time, and keeps them; some slots cannot be had."""

    def open_engine(config: AnnotateConfig) -> PlannedEngine:
        CLOCK.now += seconds
        if fails(config.slots):
            raise BackendError("no room for the cache", hint="fewer slots")
        kept.append(PlannedEngine(config, turn_s))
        return kept[-1]

    kept: list[PlannedEngine] = []
    open_engine.kept = kept  # type: ignore[attr-defined]
    return open_engine


def test_an_engine_slow_to_open_is_opened_once_for_each_value_near_by(config: AnnotateConfig) -> None:
    opener = slow_to_open(0.05, 40.0)
    vllm = config.model_copy(update={"model_type": "vllm"})
    began = CLOCK.now
    found = bench(vllm, tune=True, max_time=600, open_engine=opener)
    assert [engine.slots for engine in opener.kept[:4]] == [8, 8, 4, 16]
    assert len(opener.kept) == 1 + 3 + 3
    assert all(len(trial.rates) == 3 for trial in found.trials)
    assert found.chosen["slots"] == 16
    assert CLOCK.now - began < 640, "starts of the engine are part of the time"


def test_a_value_that_a_slow_engine_cannot_start_with_is_left_out(config: AnnotateConfig) -> None:
    vllm = config.model_copy(update={"model_type": "vllm"})
    opener = slow_to_open(0.05, 40.0, fails=lambda slots: slots > 8)
    found = bench(vllm, tune=True, max_time=600, open_engine=opener)
    assert "no room for the cache" in [trial.problem for trial in found.trials]
    assert found.chosen["slots"] == 8


def test_a_server_that_took_long_to_reach_is_compared_at_all_slots(config: AnnotateConfig) -> None:
    opener = slow_to_open(0.05, 0.0)

    def reached_late(config: AnnotateConfig) -> PlannedEngine:
        CLOCK.now += 0.0 if opener.kept else 40.0
        return opener(config)  # type: ignore[no-any-return]

    found = bench(
        config.model_copy(update={"model_type": "openai"}), tune=True, max_time=60, open_engine=reached_late
    )
    assert {trial.settings["slots"] for trial in found.trials} == {2, 4, 8, 16, 32}
    assert found.chosen["slots"] > config.slots


def test_how_much_time_is_missing_for_the_starts_of_an_engine_is_told(config: AnnotateConfig) -> None:
    vllm = config.model_copy(update={"model_type": "vllm"})
    found = bench(vllm, tune=True, max_time=200, open_engine=slow_to_open(0.05, 40.0))
    assert (found.chosen, found.trials) == ({}, [])
    (note,) = found.notes
    assert "took 40 s" in note
    more = int(note.split("at least ")[1].split(" s more")[0])
    enough = bench(vllm, tune=True, max_time=202 + more, open_engine=slow_to_open(0.05, 40.0))
    assert enough.trials


def test_a_setting_under_which_draws_fail_is_told_and_never_chosen(config: AnnotateConfig) -> None:
    def open_engine(changed: AnnotateConfig) -> PlannedEngine:
        fault = "out of memory" if changed.slots > config.slots else ""
        return PlannedEngine(changed, 0.004, fault)

    found = bench(config, tune=True, max_time=8, open_engine=open_engine)
    failed = [trial for trial in found.trials if trial.settings.get("slots", 0) > config.slots]
    assert failed
    assert all("out of memory" in trial.problem and not trial.rates for trial in failed)
    assert found.chosen.get("slots", config.slots) <= config.slots


def test_an_engine_that_cannot_start_with_a_setting_is_a_trial_with_a_problem(config: AnnotateConfig) -> None:
    def open_engine(changed: AnnotateConfig) -> PlannedEngine:
        raise BackendError("no room for the cache", hint="fewer slots")

    request = GenerationRequest(0, Question("q", "1 + 1?", "2"), "", (), 1, 16)
    trial = try_setting(
        config,
        {"slots": 64},
        [request],
        draws=8,
        repeats=2,
        deadline=CLOCK.now + 9,
        open_engine=open_engine,
    )
    assert (trial.problem, trial.rates) == ("no room for the cache", ())


def test_every_setting_is_asked_the_same_prompts_and_repeats_have_other_seeds(config: AnnotateConfig) -> None:
    questions = [Question(str(n), "1 + 1?", "2") for n in range(3)]
    requests = [GenerationRequest(n, each, "a", (5,), n, 16) for n, each in enumerate(questions)]
    opener = engines(lambda _: 0.001)
    for slots in (2, 4):
        trial = try_setting(
            config, {"slots": slots}, requests, draws=8, repeats=2,
            deadline=CLOCK.now + 9, open_engine=opener,
        )  # fmt: skip
        assert len(trial.rates) == 2
    few, many = (
        [(each.question.id, each.prefix, each.seed) for each in engine.seen] for engine in opener.kept
    )
    assert few == many
    assert len({seed for _, _, seed in few[1:9]}) == 8
    assert few[1:9] != few[9:]


def test_one_setting_beats_another_only_by_more_than_the_spread_of_the_repeats() -> None:
    assert beats([110, 111, 112], [100, 101, 99])
    assert not beats([110, 111, 99], [100, 101, 99])
    assert not beats([110, 111, 112], [100, 111, 99])
    assert not beats([101], [1])
    assert not beats([], [])


def test_what_is_tuned_depends_on_the_engine_and_what_is_in_force_comes_first(config: AnnotateConfig) -> None:
    slots, threads = axes_of(config)
    assert (slots.name, slots.values) == ("slots", (8, 2, 4, 16, 32))
    assert (threads.name, threads.values[0]) == ("threads", 1)
    vllm = config.model_copy(update={"model_type": "vllm", "engine_args": {"block_size": 32}})
    _, batch = axes_of(vllm)
    assert batch.values == (None, 4096, 16384)
    assert batch.change(vllm, None) == {}
    assert batch.change(vllm, 4096) == {"engine_args": {"block_size": 32, "max_num_batched_tokens": 4096}}
    (only,) = axes_of(config.model_copy(update={"model_type": "openai"}))
    assert only.name == "slots"


def test_a_recorded_engine_has_nothing_to_tune(config: AnnotateConfig) -> None:
    with pytest.raises(ConfigError, match="nothing to tune"):
        bench(config.model_copy(update={"model_type": "recorded"}), tune=True)


def test_a_recipe_that_cannot_be_is_refused_before_an_engine_is_opened(
    config: AnnotateConfig, tmp_path: Path
) -> None:
    opener = engines(lambda _: 0.0)
    taken = tmp_path / "taken.yaml"
    taken.write_text("slots: 3\n")
    for recipe, said in (
        (taken, "exists"),
        (tmp_path / "a.toml", "YAML"),
        (tmp_path / "no/a.yaml", "no folder"),
    ):
        with pytest.raises(ConfigError, match=said):
            bench(config, tune=True, recipe=recipe, open_engine=opener)
    with pytest.raises(ConfigError, match="nothing to write"):
        bench(config, recipe=tmp_path / "a.yaml", open_engine=opener)
    assert opener.kept == []
    assert taken.read_text() == "slots: 3\n"


def test_an_engine_from_which_nothing_comes_back_in_time_is_told(config: AnnotateConfig) -> None:
    class Silent(PlannedEngine):
        def poll(self, timeout: float) -> list[Generation]:
            time.sleep(0.01)
            return []

    quick = config.model_copy(update={"grace_period": 0.1})
    with pytest.raises(InputError, match="no draw came back"):
        bench(quick, max_time=0.2, open_engine=lambda config: Silent(config, 0.0))


def test_the_meter_changes_no_label(config: AnnotateConfig, tmp_path: Path) -> None:
    artifacts = []
    for name, wrapped in (("bare", lambda engine: engine), ("metered", Metered)):
        own = config.model_copy(update={"output_dir": tmp_path / name})
        annotate(own, backend=wrapped(PlannedEngine(own, 0.0)))
        artifacts.append((tmp_path / name / "artifacts.jsonl").read_bytes())
    assert artifacts[0] == artifacts[1]


def test_the_embedded_policy_is_measured_for_real(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    small = {"question_file": "ledger", "slots": 16, "threads": 1, "num_rollouts": 2, "rollout_budget": 6}
    found = bench(resolve(env={}, overrides={**small, "verifier_workers": 1}), questions=2)
    assert [speed.draws >= 4 and speed.tokens > speed.draws for speed in found.speeds] == [True] * 3
