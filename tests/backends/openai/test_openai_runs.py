"""Whole annotation runs against a faulty server: complete or resumable, nothing lost or doubled."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from threading import Event

import pytest
from scripted_server import Act, say
from tests.engine.fakes import questions
from tests.engine.runs import artifacts, draws, records, settings

from omega_fast.errors import BackendError
from omega_fast.jobs import annotate, replay, status

RETRIES = 6
POLICY = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}


def fate(ask, salt=""):
    """A number in [0, 1) for a try of a request, the same in every run."""
    said = f"{salt}|{ask.body['prompt']}|{ask.body['seed']}|{ask.tries}"
    return int.from_bytes(blake2b(said.encode(), digest_size=4).digest()) / 2**32


def weather(ask):
    """A third of all tries fails, in every way, but none of a request's first tries alone decides."""
    ways = [
        lambda: say(429),
        lambda: say(429, Retry_After="0"),
        lambda: say(429, Retry_After="0.01"),
        lambda: say(429, Retry_After="tomorrow"),
        lambda: say(500),
        lambda: say(503, Retry_After="0"),
        lambda: Act("reset"),
        lambda: Act("half"),
        lambda: Act(edit=lambda answer: answer | {"choices": []}),
        lambda: Act(edit=lambda _: b"\x00\xff"),
    ]
    if ask.tries > RETRIES or fate(ask) > 1 / 3:
        return Act()
    return ways[int(fate(ask, "way") * len(ways))]()


def tries_of(server):
    """How often each request was asked for."""
    return Counter((tuple(ask.body["prompt"]), ask.body["seed"]) for ask in server.draws)


@pytest.fixture
def world(serve, open_on):
    return serve, open_on


@pytest.fixture
def quiet(serve, open_on, tmp_path):
    """A run on a server without faults."""
    backend = open_on(serve(), slots=8)
    annotate(settings(tmp_path / "quiet", **POLICY), questions=questions(5), backend=backend)
    return tmp_path / "quiet"


def test_a_run_in_bad_weather_has_the_labels_of_a_run_without(serve, open_on, tmp_path, quiet):
    server = serve(weather)
    backend = open_on(server, slots=8, retries=RETRIES)
    config = settings(tmp_path / "run", **POLICY)
    summary = annotate(config, questions=questions(5), backend=backend)
    assert summary.complete
    assert summary.lost == 0
    assert artifacts(tmp_path / "run") == artifacts(quiet)
    assert set(draws(tmp_path / "run").values()) == {1}
    tries = tries_of(server)
    assert max(tries.values()) <= 1 + RETRIES
    assert len(tries) == len(draws(tmp_path / "run")) < sum(tries.values())
    session = records(tmp_path / "run", "session")[-1].body
    assert session["engine"]["retries"] == sum(tries.values()) - len(tries)
    assert session["retries"] == 0
    assert summary.paid_twice == session["engine"]["paid_twice"] > 0
    assert status(tmp_path / "run").paid_twice == replay(tmp_path / "run").paid_twice == summary.paid_twice


def test_prefixes_arrive_as_the_tokens_that_were_generated(serve, open_on, tmp_path):
    server = serve()
    backend = open_on(server, slots=8)
    given = questions(3)
    summary = annotate(settings(tmp_path / "run", **POLICY), questions=given, backend=backend)
    generated = {
        record.body["seed"] & 0x7FFF_FFFF: tuple(record.body["token_ids"])
        for record in records(tmp_path / "run", "rollout")
    }
    prompts = [tuple(ask.body["prompt"]) for ask in server.draws]
    spelled = {
        (prompt + generated[ask.body["seed"]], prompt)
        for prompt, ask in zip(prompts, server.draws, strict=True)
    }
    roots = {tuple(backend.prompt(each).token_ids) for each in given}
    continued = set(prompts) - roots
    assert summary.retokenised == 0
    assert len(continued) > 3
    earlier = {
        prompt: {whole for whole, start in spelled if len(start) < len(prompt)} for prompt in continued
    }
    assert all(any(whole[: len(prompt)] == prompt for whole in wholes) for prompt, wholes in earlier.items())


def test_the_pump_does_not_multiply_the_retries(serve, open_on, tmp_path):
    seeds = set()

    def bad(ask):
        if len(seeds) < 2 and ask.tries == 1 and ask.number > 12:
            seeds.add(ask.body["seed"])
        return say(500) if ask.body["seed"] in seeds else Act()

    server = serve(bad)
    backend = open_on(server, slots=8, retries=2)
    summary = annotate(
        settings(tmp_path / "run", **POLICY, retries=5), questions=questions(5), backend=backend
    )
    assert summary.complete
    assert summary.lost == 2
    assert sorted(tries_of(server).values())[-2:] == [3, 3]
    assert {record.body["tries"] for record in records(tmp_path / "run", "lost")} == {1}


@pytest.mark.parametrize("how", ["500", "reset", "a long wait"])
@pytest.mark.parametrize("after", [0, 3, 30])
def test_a_run_whose_server_breaks_stops_and_resumes(world, tmp_path, quiet, how, after):
    serve, open_on = world
    acts = {"500": say(500), "reset": Act("reset"), "a long wait": say(429, Retry_After="3600")}
    broken = Event()

    def script(ask):
        if not ask.is_probe and len(server.draws) > after:
            broken.set()
        return acts[how] if broken.is_set() else Act()

    server = serve(script, probes=True)
    backend = open_on(server, slots=8, retries=2)
    config = settings(tmp_path / "run", **POLICY)
    with pytest.raises(BackendError, match="resumes"):
        annotate(config, questions=questions(5), backend=backend)
    assert max(tries_of(server).values()) <= 3
    assert not records(tmp_path / "run", "lost")
    summary = annotate(config, questions=questions(5), backend=open_on(serve(), slots=8))
    assert summary.complete
    assert set(draws(tmp_path / "run").values()) == {1}
    assert artifacts(tmp_path / "run") == artifacts(quiet)


def test_a_server_that_is_well_but_gives_nothing_is_left_to_the_stall_timeout(serve, open_on, tmp_path):
    server = serve(lambda ask: Act("hang") if len(server.draws) > 20 else Act())
    backend = open_on(server, slots=8)
    config = settings(tmp_path / "run", **POLICY, stall_timeout=0.5)
    with pytest.raises(BackendError, match="gave nothing for"):
        annotate(config, questions=questions(5), backend=backend)
    assert annotate(config, questions=questions(5), backend=open_on(serve(), slots=8)).complete
    assert set(draws(tmp_path / "run").values()) == {1}


def test_a_server_that_hangs_is_gone_once_the_budget_is_spent(serve, open_on, tmp_path):
    hung = Event()

    def script(ask):
        if not ask.is_probe and len(server.draws) > 20:
            hung.set()
        return Act("hang") if hung.is_set() else Act()

    server = serve(script, probes=True)
    backend = open_on(server, slots=8, retries=1, request_timeout=0.2)
    config = settings(tmp_path / "run", **POLICY)
    with pytest.raises(BackendError, match=r"is gone: no answer within 0.2 s"):
        annotate(config, questions=questions(5), backend=backend)
    assert not records(tmp_path / "run", "lost")
    session = records(tmp_path / "run", "session")[-1].body
    assert session["engine"]["paid_twice"] > 0


def test_another_models_run_is_not_resumed(serve, open_on, tmp_path, quiet):
    config = settings(quiet, **POLICY)
    with pytest.raises(Exception, match="model"):
        annotate(
            config,
            questions=questions(5),
            backend=open_on(serve(models=("tiny", "other")), slots=8, model="other"),
        )


@pytest.mark.parametrize(
    "powers",
    [{"takes_ids": False}, {"ids_back": "none"}, {"completions": False}],
    ids=["text", "ids", "chat"],
)
def test_prefixes_that_only_a_server_tokenises_are_counted_one_by_one(serve, open_on, tmp_path, powers):
    backend = open_on(serve(**powers), slots=8)
    summary = annotate(settings(tmp_path / "run", **POLICY), questions=questions(3), backend=backend)
    below = {(each.body["question"], each.body["state"]) for each in records(tmp_path / "run", "state")}
    assert below
    drawn = [draw for draw in draws(tmp_path / "run") if draw[:2] in below]
    assert summary.retokenised == len(drawn) > 0
