"""Every way in which a server fails: tried again within the budget, counted, and told apart from a dead server."""

from __future__ import annotations

import random
import time
from email.utils import formatdate

import pytest
from scripted_server import Act, say
from server_asking import drain, one, request
from tests.engine.fakes import continuation, questions

from omega_fast.backends.openai_waits import RetryPolicy, retry_after_s
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason

RETRIES = 3


def _edited(**changes):
    def edit(answer):
        answer["choices"][0] |= changes
        return answer

    return Act(edit=edit)


def _fewer(answer):
    return answer | {"choices": []}


def _soon():
    return formatdate(time.time() + 0.05, usegmt=True)


# name -> what is done, and whether the work may have been paid for
FAULTS = {
    "429": (lambda: say(429), False),
    "429 Retry-After 0": (lambda: say(429, Retry_After="0"), False),
    "429 Retry-After 0.05": (lambda: say(429, Retry_After="0.05"), False),
    "429 Retry-After a date": (lambda: say(429, Retry_After=_soon()), False),
    "429 Retry-After garbage": (lambda: say(429, Retry_After="in a moment"), False),
    "429 Retry-After negative": (lambda: say(429, Retry_After="-7"), False),
    "500": (lambda: say(500), False),
    "503 Retry-After 0": (lambda: say(503, Retry_After="0"), False),
    "504": (lambda: say(504), True),
    "reset after sending": (lambda: Act("reset"), True),
    "half a body": (lambda: Act("half"), True),
    "fewer choices than asked": (lambda: Act(edit=_fewer), True),
    "not JSON": (lambda: Act(edit=lambda _: b"<html>"), True),
    "JSON of another kind": (lambda: Act(edit=lambda _: [1]), True),
    "aborted": (lambda: _edited(finish_reason="abort"), True),
    "no text": (lambda: _edited(text=None), True),
    "half a surrogate pair": (lambda: _edited(text="\ud800"), True),
    "ids of another prompt": (lambda: _edited(prompt_token_ids=[3]), True),
    "no ids": (lambda: _edited(token_ids=None), True),
    "ids out of range": (lambda: _edited(token_ids=[-5, 2**40]), True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_tried_again_and_a_lost_answer_counted(serve, open_on, fault):
    act, may_be_paid = FAULTS[fault]
    server = serve(lambda ask: act() if ask.tries <= 2 else Act())
    backend = open_on(server, retries=RETRIES, longest_wait=2.0)
    assert one(backend, seed=4).text == continuation(questions(1)[0], "", 4)
    assert [ask.tries for ask in server.draws] == [1, 2, 3]
    assert backend.counts() == {"retries": 2, "paid_twice": 2 * may_be_paid}


@pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith("429")])
def test_a_request_that_always_fails_is_given_up_within_its_budget(serve, open_on, fault):
    act, may_be_paid = FAULTS[fault]
    server = serve(lambda ask: act() if ask.body["seed"] == 4 else Act())
    backend = open_on(server, retries=RETRIES)
    done = drain(backend, [request(0, seed=4), request(1, seed=5)])
    assert done[0].finish is FinishReason.ERROR
    assert done[0].given_up
    assert done[0].error
    assert done[1].finish is FinishReason.STOP
    assert sum(ask.body["seed"] == 4 for ask in server.draws) == 1 + RETRIES
    assert backend.counts()["paid_twice"] == (1 + RETRIES) * may_be_paid


def test_a_slow_answer_times_out_and_may_be_paid_twice(serve, open_on):
    server = serve(lambda ask: Act("hang") if ask.tries == 1 else Act())
    backend = open_on(server, request_timeout=0.2)
    assert one(backend).finish is FinishReason.STOP
    assert backend.counts() == {"retries": 1, "paid_twice": 1}


def test_a_refused_request_is_not_tried_again_and_does_not_stop_the_others(serve, open_on):
    server = serve(lambda ask: say(400, "no such token") if ask.body["seed"] == 4 else Act())
    backend = open_on(server)
    done = drain(backend, [request(0, seed=4), request(1, seed=5)])
    assert done[0].given_up
    assert "no such token" in done[0].error
    assert done[1].finish is FinishReason.STOP
    assert sum(ask.body["seed"] == 4 for ask in server.draws) == 1


def test_a_wait_longer_than_allowed_stops_with_its_end(serve, open_on):
    server = serve(lambda _: say(429, Retry_After="3600"))
    backend = open_on(server)
    with pytest.raises(
        BackendError, match=r"asks to wait 3600 s, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    ) as caught:
        one(backend)
    assert "resumes" in caught.value.hint
    assert len(server.draws) == 1


def test_what_is_on_the_wire_comes_back_before_the_run_is_stopped(serve, open_on):
    server = serve(lambda ask: say(429, Retry_After="3600") if ask.body["seed"] == 4 else Act())
    backend = open_on(server, slots=2)
    backend.submit([request(0, seed=5), request(1, seed=4), *(request(n) for n in range(2, 9))])
    came = []
    with pytest.raises(BackendError, match="asks to wait"):
        came.extend(each for _ in range(100) for each in backend.poll(5.0))
    answered = [ask.body["seed"] for ask in server.draws if ask.body["seed"] != 4]
    assert sorted(100 + each.id if each.id > 1 else 5 for each in came) == sorted(answered)
    backend.submit([request(20)])
    with pytest.raises(BackendError, match="asks to wait"):
        backend.poll(5.0)


def test_a_rate_limit_beyond_the_budget_stops_rather_than_loses(serve, open_on):
    server = serve(lambda ask: say(429, "quota") if ask.body["seed"] == 4 else Act())
    backend = open_on(server, slots=1, retries=RETRIES)
    with pytest.raises(BackendError, match="limits the rate: HTTP 429: quota"):
        drain(backend, [request(0, seed=4), request(1, seed=5)])
    assert len(server.draws) == 1 + RETRIES


@pytest.mark.parametrize("act", [lambda: say(500), lambda: Act("reset"), lambda: say(400)])
def test_a_server_that_fails_everything_is_gone(serve, open_on, act):
    dead = []
    server = serve(lambda ask: act() if dead else Act(), probes=True)
    backend = open_on(server, retries=1)
    one(backend)
    dead.append(True)
    with pytest.raises(BackendError, match="is gone"):
        drain(backend, [request(number) for number in range(1, 6)])


def test_a_server_that_went_away_is_gone(serve, open_on):
    server = serve()
    backend = open_on(server, retries=2)
    one(backend)
    server.close()
    with pytest.raises(BackendError, match=f"{server.url} is gone") as caught:
        one(backend, number=1)
    assert "resumes" in caught.value.hint


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_holds_for_every_request_stops_at_once(serve, open_on, status):
    server = serve(lambda _: say(status))
    backend = open_on(server, slots=1)
    with pytest.raises(BackendError, match="turns every request away"):
        drain(backend, [request(number) for number in range(5)])
    assert len(server.draws) == 1


def test_a_cancelled_request_closes_its_connection_and_never_comes_back(serve, open_on):
    server = serve(lambda ask: Act("hang") if ask.body["seed"] == 4 else Act())
    backend = open_on(server, slots=2)
    backend.submit([request(0, seed=4)])
    one(backend, number=1)
    backend.cancel([0, 77])
    assert server.left.wait(10.0)
    done = drain(backend, [request(number) for number in range(2, 6)])
    assert 0 not in done
    assert backend.poll(0.0) == []


def test_an_id_can_be_used_again_after_a_cancel(serve, open_on):
    server = serve(lambda ask: Act("hang") if ask.body["seed"] == 4 else Act())
    backend = open_on(server)
    backend.submit([request(0, seed=4), request(1, seed=6)])
    backend.cancel([0, 1])
    assert one(backend, seed=5).text == continuation(questions(1)[0], "", 5)
    assert backend.poll(0.0) == []


def test_closing_leaves_no_request_open(serve, open_on):
    server = serve(lambda _: Act("hang"))
    backend = open_on(server)
    backend.submit([request(0)])
    while not server.draws:
        time.sleep(0.001)
    backend.close()
    assert server.left.wait(10.0)


def test_waits_double_and_stay_within_their_bounds():
    policy, chance = RetryPolicy(9, 0.5, 60.0), random.Random(0)
    for tries in range(1, 2000):
        backoff = min(0.5 * 2 ** (tries - 1), 60.0) if tries < 60 else 60.0
        assert backoff / 2 <= policy.wait_s(tries, None, chance) <= backoff
    assert policy.wait_s(1, 5.0, chance) == 5.0


@pytest.mark.parametrize("header", [None, "", "soon", "nan", "1e400", "-3", "5 s", "9" * 40, "١٢"])
def test_a_retry_after_that_makes_no_sense_says_nothing(header):
    assert retry_after_s(header, 0.0) is None
