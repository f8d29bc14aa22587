"""Gold answers by vote: the root rollouts say what is right where the input does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from threading import Event

import orjson
import pytest

from omega_fast.errors import BackendError, ConfigError
from omega_fast.jobs import replay, reverify, status
from omega_fast.records import Generation, GenerationRequest
from omega_fast.search.projection import read_artifacts
from omega_fast.verifiers.extract import extract_answer
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, draws, exports, records

VOTE = {"gold": "majority", "root_rollouts": 6, "rollout_budget": 30}


def mute(request: GenerationRequest, generation: Generation) -> Generation:
    """The root rollouts of one question give no answer."""
    if request.question.id != "q1" or request.prefix:
        return generation
    return replace(generation, text="s1\ns2\n", token_ids=(), token_ends=())


@pytest.fixture(scope="module", params=[0, 3], ids=["policy", "supplied"])
def supplied(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, supplied: int) -> Path:
    run = tmp_path_factory.mktemp("majority") / "run"
    assert annotated(run, FakeEngine(Knobs(poisons=mute)), unanswered(supplied), **VOTE).complete
    return run


def unanswered(supplied: int):
    return questions(4, gold=False, solutions=supplied)


def test_the_majority_of_the_root_rollouts_is_the_gold_and_is_said_to_be(whole):
    for tree in read_artifacts(whole):
        root = [each for each in tree.rollouts if each.node == 0 and each.draw is not None]
        votes = Counter(answer for each in root if (answer := extract_answer(each.text)))
        if tree.question.id == "q1":
            assert (tree.gold_source, tree.question.answer) == ("none", None)
            assert {each.verdict for each in root} == {"unsupported"}
        else:
            assert tree.gold_source == "majority"
            assert votes[tree.question.answer] == max(votes.values())
            assert {each.answer for each in root if each.verdict == "correct"} == {tree.question.answer}


def test_every_vote_is_logged_before_the_first_verdict_that_rests_on_it(whole):
    voted = set()
    for record in records(whole, "majority", "verdict", "solution_verdict"):
        if record.kind == "majority":
            voted.add(record.body["question"])
        else:
            assert record.body["question"] in voted
    assert voted == {"q0", "q1", "q2", "q3"}


@pytest.mark.parametrize("slots", [1, 5, 64])
def test_labels_do_not_depend_on_the_order_of_arrival(tmp_path, whole, supplied, slots):
    engine = FakeEngine(Knobs(slots=slots, shuffle=slots, latency=6, poisons=mute))
    annotated(tmp_path / "run", engine, unanswered(supplied), slots=slots, **VOTE)
    assert artifacts(tmp_path / "run") == artifacts(whole)


def test_a_vote_survives_a_death_of_the_engine_at_every_fifth_request(tmp_path, whole, supplied):
    for request in range(1, sum(draws(whole).values()) + 1, 5):
        run = tmp_path / str(request)
        with pytest.raises(BackendError):
            annotated(
                run,
                FakeEngine(Knobs(shuffle=request, latency=3, dies_at=request, poisons=mute)),
                unanswered(supplied),
                **VOTE,
            )
        annotated(run, FakeEngine(Knobs(poisons=mute)), unanswered(supplied), **VOTE)
        assert exports(run) == exports(whole)
        assert set(draws(run).values()) == {1}


def test_a_vote_survives_the_loss_of_the_log_from_any_record_on(tmp_path, whole, supplied):
    lines = (whole / "log" / "000001.jsonl").read_bytes().splitlines(keepends=True)
    for kept in range(1, len(lines), 9):
        run = tmp_path / str(kept)
        (run / "log").mkdir(parents=True)
        (run / "log" / "000001.jsonl").write_bytes(b"".join(lines[:kept]))
        engine = FakeEngine(Knobs(poisons=mute))
        annotated(run, engine, unanswered(supplied), stall_timeout=5.0, **VOTE)
        assert exports(run) == exports(whole)


@pytest.mark.parametrize("at", [1, 5, 20, 40])
def test_a_stopped_vote_does_not_wait_for_the_votes_that_will_not_come(tmp_path, whole, supplied, at):
    stop = Event()

    def watch(submitted: int, _: GenerationRequest) -> None:
        if submitted == at:
            stop.set()

    engine = FakeEngine(Knobs(slots=2, on_submit=watch, poisons=mute))
    # An hour of grace would outlast the time limit of the test.
    assert not annotated(
        tmp_path / "run", engine, unanswered(supplied), stop=stop, grace_period=3600, **VOTE
    ).complete
    assert set(artifacts(tmp_path / "run").splitlines()) <= set(artifacts(whole).splitlines())
    assert not status(tmp_path / "run").complete
    replay(tmp_path / "run")
    assert set(artifacts(tmp_path / "run").splitlines()) <= set(artifacts(whole).splitlines())
    annotated(tmp_path / "run", FakeEngine(Knobs(poisons=mute)), unanswered(supplied), **VOTE)
    assert exports(tmp_path / "run") == exports(whole)


def test_lost_root_rollouts_do_not_vote(tmp_path, supplied):
    def fails(request: GenerationRequest) -> bool:
        return not request.prefix and request.draw % 3 == 0

    for name, shuffle in (("run", None), ("other", 4)):
        engine = FakeEngine(Knobs(fails=fails, shuffle=shuffle))
        summary = annotated(tmp_path / name, engine, unanswered(supplied), **VOTE)
        assert summary.complete
        assert summary.lost == 8
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "other")
    assert {tree.gold_source for tree in read_artifacts(tmp_path / "run")} == {"majority"}


def test_replay_and_judging_again_keep_the_vote(whole, tmp_path):
    before = artifacts(whole)
    replay(whole)
    assert artifacts(whole) == before
    reverify(whole)
    assert artifacts(whole) == before


def test_a_run_that_stopped_amid_a_vote_can_be_judged_again(tmp_path, supplied):
    with pytest.raises(BackendError):
        annotated(tmp_path / "run", FakeEngine(Knobs(dies_at=5, slots=1)), unanswered(supplied), **VOTE)
    assert not reverify(tmp_path / "run").complete
    annotated(tmp_path / "run", None, unanswered(supplied), **VOTE)
    annotated(tmp_path / "fresh", None, unanswered(supplied), **VOTE)
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "fresh")


def test_given_answers_are_not_put_to_the_vote(tmp_path):
    annotated(tmp_path / "voted", asked=questions(4), **VOTE)
    annotated(tmp_path / "given", asked=questions(4), **(VOTE | {"gold": "given"}))
    assert artifacts(tmp_path / "voted") == artifacts(tmp_path / "given")
    assert not records(tmp_path / "voted", "majority")


def test_questions_without_an_answer_are_unjudged_where_nobody_votes(tmp_path):
    summary = annotated(tmp_path / "run", asked=questions(3, gold=False))
    assert summary.complete
    assert summary.finishes == {"root_unjudged": 3}
    assert summary.verdicts == {"unsupported": 12}
    heads = [orjson.loads(line)["gold_source"] for line in artifacts(tmp_path / "run").splitlines()]
    assert heads == ["none"] * 3


def test_a_token_budget_that_may_not_pay_for_the_vote_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="draws that vote"):
        annotated(tmp_path / "run", token_budget=800, **VOTE)
