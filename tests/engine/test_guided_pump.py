"""The pump of guided search: batches, hostile scorers, engines that fail, and what is in the log."""

from __future__ import annotations

import math
from threading import Event

import pytest

from omega_fast.dispatch import PumpSettings
from omega_fast.errors import BackendError, InputError
from omega_fast.guided_pump import GuidedPump
from omega_fast.search.guided import GuidedScheduler, GuidedSettings
from omega_fast.search.guided.recorded import RecordedGuidance
from tests.search.guided.world import cut

from .fakes import FakeEngine, Knobs, questions

KNOBS = Knobs()
METHODS = ("greedy", "best_of_n", "beam", "dvts", "mcts", "omega")


class Memory:
    """A log in memory."""

    def __init__(self):
        self.records = []

    def append(self, kind, body):
        self.records.append((kind, body))

    def tick(self):
        pass


class Scorer:
    """1 for a step until the first bad one, by default; counts its calls and notes their sizes."""

    def __init__(self, says=None):
        self.sizes = []
        self._says = says

    def score_many(self, solutions):
        self.sizes.append(len(solutions))
        if self._says is not None:
            return self._says(solutions)
        return [
            [0.0 if "bad" in "".join(steps[: at + 1]) else 1.0 for at in range(len(steps))]
            for _, steps in solutions
        ]


def pumped(
    method="beam",
    *,
    knobs=KNOBS,
    scorer=None,
    count=6,
    engine=None,
    recorded=None,
    stop=None,
    log=None,
    **given,
):
    asked = {"method": method, "n": 8, "beam_width": 4, "separator": "\n", "end_pattern": "^answer"}
    settings = GuidedSettings(**{**asked, **given})
    scheduler = GuidedScheduler(settings, cut, seed=1)
    for each in questions(count):
        scheduler.add_question(each)
    found = {}
    log = log or Memory()
    scorer = scorer or Scorer()
    pump = GuidedPump(
        scheduler,
        recorded or RecordedGuidance(),
        engine or FakeEngine(knobs),
        scorer,
        log,
        separator="\n",
        on_finished=found.__setitem__,
        settings=PumpSettings(retries=1, stall_s=0.2, grace_s=1.0),
        stop=stop,
    )
    try:
        pump.run()
    finally:
        pump.found, pump.log, pump.sizes = found, log, scorer.sizes
    return pump


def told(pump):
    return {
        number: [(node.text, node.scores) for node in each.completions] for number, each in pump.found.items()
    }


@pytest.mark.parametrize("method", METHODS)
def test_slots_latency_and_order_change_nothing(method):
    expected = told(pumped(method, knobs=Knobs(slots=64)))
    assert len(expected) == 6
    for knobs in (
        Knobs(slots=1),
        Knobs(slots=5, shuffle=3, latency=4),
        Knobs(slots=300, shuffle=1, latency=1),
    ):
        assert told(pumped(method, knobs=knobs)) == expected


@pytest.mark.parametrize("method", METHODS)
def test_a_log_cut_off_anywhere_is_gone_on_with_and_nothing_is_asked_twice(method):
    whole = pumped(method)
    records = whole.log.records
    for kept in (0, 1, len(records) // 3, len(records) - 1, len(records)):
        recorded = RecordedGuidance()
        recorded.note(records[:kept])
        rest = pumped(method, recorded=recorded)
        assert told(rest) == told(whole)
        names = [name_of(record) for record in [*records[:kept], *rest.log.records]]
        assert len(names) == len(set(names)) == len(records)


def name_of(record):
    kind, body = record
    return kind, body["question"], body["state"], body.get("draw")


def test_candidates_of_all_questions_go_to_the_scorer_together():
    pump = pumped("beam", count=64, knobs=Knobs(slots=2048))
    assert sum(pump.sizes) == pump.scoring.counts.solutions
    assert sum(pump.sizes) / len(pump.sizes) > 64


class Holding(FakeEngine):
    """Keeps back what it has for one question while it has anything else."""

    def __init__(self, knobs, late):
        super().__init__(knobs)
        self._late, self._ids, self._held = late, set(), []

    def submit(self, requests):
        self._ids |= {request.id for request in requests if request.question.id == self._late}
        super().submit(requests)

    def poll(self, timeout):
        done = super().poll(timeout)
        others = [each for each in done if each.id not in self._ids]
        self._held += [each for each in done if each.id in self._ids]
        if others or not self._held or self._working:
            return others
        return [self._held.pop()]


def test_a_question_whose_draws_are_late_keeps_no_other_waiting():
    late = questions(1)[0].id
    pump = pumped("beam", engine=Holding(Knobs(), late))
    assert list(pump.found)[-1] == 0
    assert told(pump) == told(pumped("beam"))


HOSTILE = {
    "NaN": lambda asked: [[math.nan] * len(steps) for _, steps in asked],
    "infinity": lambda asked: [[math.inf] * len(steps) for _, steps in asked],
    "more than one": lambda asked: [[1.7] * len(steps) for _, steps in asked],
    "nothing": lambda asked: [],
    "None": lambda asked: None,
    "rows of None": lambda asked: [None for _ in asked],
    "too few": lambda asked: [[0.5] * (len(steps) - 1) for _, steps in asked],
    "words": lambda asked: [["good"] * len(steps) for _, steps in asked],
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", HOSTILE)
def test_scores_that_are_none_guide_nothing_and_solutions_are_still_found(method, name):
    pump = pumped(method, scorer=Scorer(HOSTILE[name]))
    assert len(pump.found) == 6
    assert all(each.completions for each in pump.found.values())
    assert pump.scoring.counts.unusable == pump.scoring.counts.solutions > 0
    reasons = [body["reason"] for kind, body in pump.log.records if kind == "scores"]
    assert all("scorer gave" in reason for reason in reasons)


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_a_scorer_that_likes_all_alike_is_noticed(constant):
    pump = pumped(scorer=Scorer(lambda asked: [[constant] * len(steps) for _, steps in asked]))
    assert pump.scoring.counts.low == pump.scoring.counts.high == constant
    assert all(each.completions for each in pump.found.values())


def test_a_solution_that_the_scorer_refuses_hurts_no_other():
    def picky(asked):
        if any("bad" in step for _, steps in asked for step in steps):
            raise InputError("too long", hint="cut it")
        return [[1.0] * len(steps) for _, steps in asked]

    pump = pumped("best_of_n", scorer=Scorer(picky))
    nodes = [node for each in pump.found.values() for node in each.completions]
    assert {bool(node.scores) for node in nodes if "bad" not in node.text} == {True}
    assert {node.unscored for node in nodes if "bad" in node.text} == {"too long"}


def test_a_scorer_that_breaks_stops_the_run_and_the_log_goes_on_from_there():
    calls = []

    def breaks(asked):
        calls.append(len(asked))
        if len(calls) > 2:
            raise RuntimeError("out of memory")
        return Scorer().score_many(asked)

    log = Memory()
    with pytest.raises(BackendError, match="out of memory") as stopped:
        pumped("beam", scorer=Scorer(breaks), log=log)
    assert "resumes" in stopped.value.hint
    recorded = RecordedGuidance()
    recorded.note(log.records)
    assert told(pumped("beam", recorded=recorded)) == told(pumped("beam"))


@pytest.mark.parametrize("method", METHODS)
def test_an_engine_that_dies_stops_the_run_and_nothing_that_came_is_asked_again(method):
    whole = pumped(method)
    log = Memory()
    with pytest.raises(BackendError, match="died"):
        pumped(method, knobs=Knobs(slots=8, dies_at=30), log=log)
    recorded = RecordedGuidance()
    recorded.note(log.records)
    assert recorded.draws > 0
    rest = pumped(method, recorded=recorded)
    assert told(rest) == told(whole)
    assert recorded.draws + rest.traffic.draws == whole.traffic.draws


def test_an_engine_that_hangs_is_noticed():
    with pytest.raises(BackendError, match="gave nothing"):
        pumped(knobs=Knobs(hangs_at=1))


def test_an_engine_that_fails_everything_stops_the_run_and_loses_nothing():
    log = Memory()
    with pytest.raises(BackendError, match="told to fail"):
        pumped(knobs=Knobs(fails=lambda _: True), log=log)
    assert log.records == []


def test_an_engine_that_stops_working_half_way_loses_nothing():
    log, count = Memory(), [0]

    def fails(_):
        count[0] += 1
        return count[0] > 40

    with pytest.raises(BackendError, match="told to fail"):
        pumped(knobs=Knobs(fails=fails), log=log)
    assert "lost" not in {kind for kind, _ in log.records}


@pytest.mark.parametrize("method", METHODS)
def test_draws_that_fail_in_every_try_are_lost_and_the_search_goes_on(method):
    pump = pumped(method, knobs=Knobs(fails=lambda request: request.seed % 5 == 0))
    assert pump.traffic.lost == sum(each.n_lost for each in pump.found.values()) > 0
    assert len(pump.found) == 6
    assert sum(kind == "lost" for kind, _ in pump.log.records) == pump.traffic.lost


def test_draws_that_fail_once_are_tried_again():
    pump = pumped(knobs=Knobs(fails_once=lambda request: request.seed % 2 == 0))
    assert pump.traffic.retries > 0
    assert pump.traffic.lost == 0
    assert told(pump) == told(pumped())


def test_a_stop_drains_and_what_came_is_kept():
    stop, log = Event(), Memory()
    knobs = Knobs(slots=4, latency=2, on_submit=lambda number, _: stop.set() if number > 60 else None)
    pump = pumped("beam", knobs=knobs, stop=stop, log=log)
    assert len(pump.found) < 6
    recorded = RecordedGuidance()
    recorded.note(log.records)
    assert told(pumped("beam", recorded=recorded)) == told(pumped("beam"))


def test_a_prefix_goes_out_as_the_tokens_it_was_generated_as():
    tokens = []
    pumped(
        "beam",
        knobs=Knobs(on_submit=lambda _, request: tokens.append((request.prefix, request.prefix_tokens))),
    )
    assert any(prefix for prefix, _ in tokens)
    assert all(known is not None for _, known in tokens)


def test_without_a_scorer_solutions_are_drawn_and_none_is_scored():
    settings = GuidedSettings(method="best_of_n", n=4, separator="\n")
    scheduler = GuidedScheduler(settings, cut)
    for each in questions(3):
        scheduler.add_question(each)
    found, log = {}, Memory()
    pump = GuidedPump(
        scheduler, RecordedGuidance(), FakeEngine(), None, log, separator="\n", on_finished=found.__setitem__
    )
    assert pump.run()
    assert {kind for kind, _ in log.records} == {"draw"}
    assert all(len(each.completions) == 4 for each in found.values())
