"""The pump: whatever the engine does, the labels stay the same or the run stops with all it paid for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import orjson
import pytest

from omega_fast.errors import BackendError
from omega_fast.records import FinishReason, Generation, GenerationRequest
from omega_fast.store import Artifacts
from tests.engine.fakes import FakeEngine, Knobs, questions, tokens_of
from tests.engine.runs import annotated, artifacts, draws, records


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run with an orderly engine."""
    run = tmp_path_factory.mktemp("plain") / "run"
    summary = annotated(run)
    assert summary.complete
    assert summary.located
    return run


def every_seventh(request: GenerationRequest) -> bool:
    return request.seed % 7 == 0


@pytest.mark.parametrize("slots", [1, 7, 256])
@pytest.mark.parametrize("max_open", [None, 1, 3])
@pytest.mark.parametrize("shuffle", [None, 5])
def test_labels_do_not_depend_on_slots_order_latency_or_open_questions(
    tmp_path, plain, slots, max_open, shuffle
):
    engine = FakeEngine(Knobs(slots=slots, shuffle=shuffle, latency=3 if shuffle else 0))
    annotated(tmp_path / "run", engine, slots=slots, max_open=max_open)
    assert artifacts(tmp_path / "run") == artifacts(plain)


def test_every_draw_is_asked_for_and_logged_exactly_once(plain):
    logged = draws(plain)
    assert set(logged.values()) == {1}
    kept = sum(
        rollout.draw is not None
        for line in artifacts(plain).splitlines()
        for rollout in Artifacts.from_json(line).rollouts
    )
    assert sum(logged.values()) == kept


def test_a_states_prefix_is_logged_once_and_before_its_rollouts(tmp_path):
    annotated(tmp_path / "run", FakeEngine(Knobs(shuffle=3, latency=4, fails_once=every_seventh)))
    seen = {}
    for record in records(tmp_path / "run", "state", "rollout"):
        place = record.body["question"], record.body["state"]
        if record.kind == "state":
            assert place not in seen
            seen[place] = record.body["prefix"]
        else:
            seen.setdefault(place, "")
    for line in artifacts(tmp_path / "run").splitlines():
        tree = Artifacts.from_json(line)
        for node in tree.nodes:
            if (tree.question.id, node.state) in seen:
                assert seen.pop((tree.question.id, node.state)) == tree.prefix(node.id)
    assert not seen


def test_a_generation_that_fails_once_is_tried_again_and_changes_no_label(tmp_path, plain):
    summary = annotated(tmp_path / "run", FakeEngine(Knobs(fails_once=every_seventh)))
    assert artifacts(tmp_path / "run") == artifacts(plain)
    assert records(tmp_path / "run", "session")[-1].body["retries"] > 0
    assert summary.lost == 0


def test_a_generation_that_always_fails_is_lost_charged_and_left_out(tmp_path):
    tried: list[int] = []
    engine = FakeEngine(Knobs(fails=every_seventh, on_submit=lambda _, request: tried.append(request.seed)))
    summary = annotated(tmp_path / "run", engine, locate="binary", retries=3)
    lost = [record.body for record in records(tmp_path / "run", "lost")]
    assert lost
    assert {body["tries"] for body in lost} == {4}
    assert all(tried.count(seed) == 4 for seed in tried if seed % 7 == 0)
    assert summary.complete
    assert summary.lost == summary.excluded == len(lost)
    trees = [Artifacts.from_json(line) for line in artifacts(tmp_path / "run").splitlines()]
    nodes = {(tree.question.id, node.state): node for tree in trees for node in tree.nodes}
    for body in lost:
        node = nodes[body["question"], body["state"]]
        assert node.n_excluded > 0
        assert node.n_rollouts + node.n_excluded == 4
    for tree in trees:
        drawn = sum(rollout.draw is not None for rollout in tree.rollouts)
        excluded = sum(node.n_excluded for node in tree.nodes)
        assert tree.counts.rollouts == drawn + excluded <= 20


def test_lost_draws_stay_lost_when_the_run_is_started_again(tmp_path):
    annotated(tmp_path / "run", FakeEngine(Knobs(fails=every_seventh)))
    before = artifacts(tmp_path / "run")
    engine = FakeEngine()
    annotated(tmp_path / "run", engine)
    assert engine.submitted == 0
    assert artifacts(tmp_path / "run") == before


def test_draws_that_always_fail_are_lost_at_a_new_start_too(tmp_path):
    annotated(tmp_path / "whole", FakeEngine(Knobs(fails=every_seventh)))
    for last in (3, 9, 27, 60):
        run = tmp_path / str(last)
        stop = Event()
        knobs = Knobs(
            fails=every_seventh, on_submit=lambda count, _, last=last, stop=stop: count < last or stop.set()
        )
        annotated(run, FakeEngine(knobs), stop=stop)
        annotated(run, FakeEngine(Knobs(fails=every_seventh)))
        assert artifacts(run) == artifacts(tmp_path / "whole")


def test_an_engine_that_fails_everything_stops_the_run_and_loses_nothing(tmp_path, plain):
    with pytest.raises(BackendError, match=r"failed all .* told to fail"):
        annotated(tmp_path / "run", FakeEngine(Knobs(fails=lambda _: True)))
    assert not records(tmp_path / "run", "lost", "rollout")
    annotated(tmp_path / "run")
    assert artifacts(tmp_path / "run") == artifacts(plain)


@pytest.mark.parametrize("gone_after", [1, 20, 60])
def test_an_engine_that_stops_working_midway_loses_nothing(tmp_path, plain, gone_after):
    engine = FakeEngine()
    engine.knobs = Knobs(fails=lambda _: engine.submitted > gone_after)
    with pytest.raises(BackendError, match="stopped working"):
        annotated(tmp_path / "run", engine)
    assert not records(tmp_path / "run", "lost")
    annotated(tmp_path / "run")
    assert artifacts(tmp_path / "run") == artifacts(plain)


def test_an_engine_that_dies_at_any_request_leaves_a_run_that_resumes_to_the_same_labels(tmp_path):
    asked = questions(2)
    annotated(tmp_path / "whole", asked=asked)
    total = sum(draws(tmp_path / "whole").values())
    for request in range(1, total + 1):
        run = tmp_path / str(request)
        engine = FakeEngine(Knobs(slots=2, shuffle=request, latency=2, dies_at=request))
        with pytest.raises(BackendError, match="died"):
            annotated(run, engine, asked)
        came = draws(run)
        assert sum(came.values()) == engine.given
        # With fewer questions open, the log holds answers to what is asked only later.
        annotated(run, FakeEngine(Knobs(slots=3, shuffle=request)), asked, max_open=1 + request % 2)
        assert artifacts(run) == artifacts(tmp_path / "whole")
        assert set(draws(run).values()) == {1}
        assert draws(run).keys() == draws(tmp_path / "whole").keys()


def test_an_engine_that_hangs_is_noticed_and_the_run_resumes(tmp_path, plain):
    with pytest.raises(BackendError, match="gave nothing for"):
        annotated(tmp_path / "run", FakeEngine(Knobs(hangs_at=40)), stall_timeout=0.2)
    assert 0 < sum(draws(tmp_path / "run").values()) < sum(draws(plain).values())
    annotated(tmp_path / "run")
    assert artifacts(tmp_path / "run") == artifacts(plain)


@pytest.mark.parametrize("at", [1, 2, 11, 30, 55])
def test_a_run_that_is_asked_to_stop_drains_and_resumes_to_the_same_labels(tmp_path, plain, at):
    stop = Event()

    def watch(submitted: int, _: GenerationRequest) -> None:
        if submitted == at:
            stop.set()

    engine = FakeEngine(Knobs(latency=5, shuffle=at, on_submit=watch))
    summary = annotated(tmp_path / "run", engine, stop=stop)
    assert not summary.complete
    assert engine.given == engine.submitted == sum(draws(tmp_path / "run").values())
    assert annotated(tmp_path / "run").complete
    assert artifacts(tmp_path / "run") == artifacts(plain)
    assert set(draws(tmp_path / "run").values()) == {1}


def test_a_stopped_run_waits_no_longer_than_its_grace_time(tmp_path, plain):
    stop = Event()
    stop.set()
    engine = FakeEngine(Knobs(hangs_at=0))
    assert not annotated(tmp_path / "run", engine, stop=stop, grace_period=0.05).complete
    assert engine.submitted == 0
    late = Event()
    hung = FakeEngine(Knobs(hangs_at=1, on_submit=lambda *_: late.set()))
    assert not annotated(tmp_path / "run", hung, stop=late, grace_period=0.05).complete
    annotated(tmp_path / "run")
    assert artifacts(tmp_path / "run") == artifacts(plain)


def test_a_truncated_generation_counts_as_wrong_and_warns(tmp_path):
    summary = annotated(tmp_path / "run", FakeEngine(Knobs(truncates=lambda request: request.seed % 2 == 0)))
    assert summary.verdicts["truncated"] > 0
    assert "raise max_new_tokens" in summary.warnings[0]


SURROGATE = "s1 \ud800 ok\nanswer 1\n"


def _text(text: str) -> dict[str, object]:
    ids, ends = tokens_of(text.replace("\ud800", "?"))
    return {"text": text, "token_ids": ids, "token_ends": ends}


@pytest.mark.parametrize(
    "poison",
    [
        _text(SURROGATE),
        {"token_ids": (1, 2, 3)},
        {"text": "π", "token_ids": (1,), "token_ends": (1,)},
        {"text": "ab", "token_ids": (1, 2), "token_ends": (2, 1)},
        {"text": "ab", "token_ids": (1, 2), "token_ends": (1, 99)},
        {"text": "ab", "token_ids": (1, 2), "token_ends": (-2, 2)},
        {"text": "ab", "token_ids": (-1, 2), "token_ends": (1, 2)},
        {"n_tokens": 2**40},
    ],
    ids=["surrogate", "lengths", "inside", "falling", "outside", "negative", "id", "count"],
)
def test_a_generation_that_cannot_be_kept_counts_as_failed_and_the_run_goes_on(tmp_path, poison):
    def poisons(request: GenerationRequest, generation: Generation) -> Generation:
        return replace(generation, **poison) if every_seventh(request) else generation

    summary = annotated(tmp_path / "run", FakeEngine(Knobs(poisons=poisons)))
    assert summary.complete
    assert summary.lost == len(records(tmp_path / "run", "lost")) > 0
    annotated(tmp_path / "other", FakeEngine(Knobs(fails=every_seventh)))
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "other")


@pytest.mark.parametrize(
    "text", ["s1 \0 ok\nanswer \0 1\n", "x" * 1_000_000, "s1\n" * 50_000, "", "\n\n", "answer"]
)
def test_an_odd_text_is_kept_and_searched_like_any_other(tmp_path, text):
    odd = {"text": text, "token_ids": (), "token_ends": ()}

    def poisons(request: GenerationRequest, generation: Generation) -> Generation:
        return replace(generation, **odd) if every_seventh(request) and not request.prefix else generation

    summary = annotated(tmp_path / "run", FakeEngine(Knobs(poisons=poisons)))
    assert summary.complete
    kept = {
        rollout["text"]
        for line in artifacts(tmp_path / "run").splitlines()
        for rollout in orjson.loads(line)["rollouts"]
    }
    assert text in kept


def test_the_fake_engine_truncates_with_the_tokens_of_what_it_gives():
    engine = FakeEngine(Knobs(truncates=lambda _: True))
    engine.submit([GenerationRequest(1, questions(1)[0], "", (), 5, 100)])
    (given,) = engine.poll(0.0)
    assert given.finish is FinishReason.LENGTH
    assert list(given.token_ids) == tokens_of(given.text)[0]
