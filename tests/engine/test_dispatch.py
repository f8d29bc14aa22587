"""Requests on their way to an engine and back, of no search at all."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from omega_fast.dispatch import Dispatch, Job, PumpSettings
from omega_fast.errors import BackendError
from omega_fast.records import GenerationRequest, Question
from omega_fast.spending.account import Account
from omega_fast.spending.purse import Purse, RunBudgets

from .fakes import FakeEngine, Knobs, questions

LIMIT = 40


@dataclass(slots=True, eq=False)
class Draw(Job):
    question: Question
    seed: int


def asked(job: Draw, number: int) -> GenerationRequest:
    return GenerationRequest(number, job.question, "", (), job.seed, LIMIT)


def dispatch(engine, *, budgets=None, worked_before=False, **settings):
    purse = Purse(budgets or RunBudgets(), Account(), engine.prompt, time.monotonic)
    return Dispatch(engine, purse, PumpSettings(**settings), asked, lambda: worked_before), purse


def jobs(count):
    return [Draw(question, seed) for seed, question in enumerate(questions(count))]


def drained(one, most=200):
    came = []
    for _ in range(most):
        one.send()
        if one.is_stuck:
            one.probe()
        came.extend(one.poll(0.0))
        if not one.in_flight and not one.waiting and not one.is_stuck:
            break
    return came


def test_every_job_comes_back_once():
    one, _ = dispatch(FakeEngine(Knobs(slots=2, shuffle=3)))
    sent = jobs(9)
    one.waiting.extend(sent)
    came = drained(one)
    assert {id(job) for job, _ in came} == {id(job) for job in sent}
    assert len(came) == len(sent)
    assert all(generation is not None for _, generation in came)


def test_a_queue_is_never_longer_than_was_asked_for():
    engine = FakeEngine(Knobs(slots=2, latency=3))
    one, _ = dispatch(engine, queue=3)
    one.waiting.extend(jobs(20))
    one.send()
    assert one.in_flight == 6
    assert one.room == 0
    assert len(one.waiting) == 14


def test_a_failed_job_is_lost_only_once_the_engine_has_worked_after_it():
    engine = FakeEngine(Knobs(slots=1, fails=lambda request: request.seed == 0))
    one, _ = dispatch(engine, retries=1, queue=1)
    first, second = jobs(2)
    one.waiting.append(first)
    came = []
    while not came:
        one.send()
        came.extend(one.poll(0.0))
    assert came == [(first, None)]
    assert first.tries == 2
    assert one.retries == 1
    assert one.is_stuck
    assert one.take_lost() == []
    one.waiting.append(second)
    drained(one)
    assert one.take_lost() == [first]
    assert one.take_lost() == []


def test_an_engine_from_which_nothing_ever_came_is_gone():
    one, _ = dispatch(FakeEngine(Knobs(fails=lambda _: True)))
    one.waiting.extend(jobs(2))
    with pytest.raises(BackendError, match="failed all 2 requests"):
        drained(one)


def test_one_that_worked_in_an_earlier_start_is_asked_the_bare_question_first():
    engine = FakeEngine(Knobs(fails=lambda request: request.draw != 0))
    one, purse = dispatch(engine, worked_before=True)
    one.waiting.extend(jobs(1))
    came = drained(one)
    assert [generation for _, generation in came] == [None]
    assert len(one.take_lost()) == 1
    assert purse.written_off.generated > 0


def test_a_budget_short_of_the_next_job_is_reached_when_nothing_is_out():
    engine = FakeEngine()
    one, purse = dispatch(engine, budgets=RunBudgets(max_tokens=2 * LIMIT + 1))
    first, second, third = jobs(3)
    one.waiting.extend([first, second, third])
    one.send()
    assert one.in_flight == 2
    assert not purse.reached
    one.cancel([first, second])
    one.send()
    assert one.in_flight == 0
    assert purse.reached == "max_tokens"
    assert purse.written_off.generated == 2 * LIMIT


def test_a_cancelled_job_is_gone_wherever_it_was():
    one, _ = dispatch(FakeEngine(Knobs(slots=1, latency=5)), queue=1)
    out, waits = jobs(2)
    one.waiting.extend([out, waits])
    one.send()
    assert one.has(out)
    one.cancel([out, waits])
    assert not one.has(out)
    assert not one.waiting
    assert list(one.poll(0.0)) == []


def test_answers_lost_on_their_way_are_written_off_at_their_longest():
    class Careless(FakeEngine):
        lost = 0

        def counts(self):
            return {"paid_twice": self.lost}

    engine = Careless()
    one, purse = dispatch(engine, budgets=RunBudgets(max_tokens=10_000))
    one.waiting.extend(jobs(1))
    one.send()
    engine.lost = 3
    drained(one)
    assert purse.written_off.generated == 3 * LIMIT


def test_an_engine_that_says_nothing_for_too_long_has_stalled():
    one, _ = dispatch(FakeEngine(Knobs(hangs_at=0)), stall_s=0.0)
    one.waiting.extend(jobs(1))
    one.send()
    time.sleep(0.002)
    with pytest.raises(BackendError, match="gave nothing for"):
        list(one.poll(0.0))
