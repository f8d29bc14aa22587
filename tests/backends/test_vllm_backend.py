"""The vLLM backend over a fake engine; tests/vllm has the real one."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import pytest
from tiny_checkpoints import request
from transformers import AutoTokenizer

from omega_fast.backends.base import Backend, fault_in
from omega_fast.backends.generations import GenerationMaker
from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.backends.tokens import token_decoder
from omega_fast.backends.vllm_backend import VllmBackend
from omega_fast.backends.vllm_draws import Draw, Outcome
from omega_fast.backends.vllm_placement import Placement
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason

EOS = 2
WORDS = [201, 300, 333]


class FakeEngine:
    def __init__(self) -> None:
        self.draws: list[Draw] = []
        self.aborted: list[int] = []
        self.outcomes: list[Outcome] = []

    def submit(self, draws: Sequence[Draw]) -> None:
        self.draws.extend(draws)

    def abort(self, tickets: Collection[int]) -> None:
        self.aborted.extend(tickets)

    def collect(self, timeout: float) -> list[Outcome]:
        del timeout
        outcomes, self.outcomes = self.outcomes, []
        return outcomes

    def close(self) -> None:
        self.draws.clear()

    def answer_all(self, reason: str = "stop", ids: Sequence[int] = (*WORDS, EOS)) -> None:
        self.outcomes.extend(Outcome(draw.ticket, ids, reason, cached=3) for draw in self.draws)
        self.draws.clear()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def open_over(checkpoints, engine) -> Callable[..., VllmBackend]:
    tokenizer = AutoTokenizer.from_pretrained(checkpoints["llama"])

    def open_one(*, context: int = 128, replicas: int = 1) -> VllmBackend:
        return VllmBackend(
            engine,
            PromptEncoder(tokenizer, PromptTemplate(style="plain"), context),
            GenerationMaker(token_decoder(tokenizer), frozenset({EOS}), (), True),
            {"model": "fake"},
            slots=2,
            replicas=replicas,
            max_new_tokens=50,
            context=context,
        )

    return open_one


def test_it_is_a_backend(open_over):
    assert isinstance(open_over(), Backend)


def test_what_arrives_together_is_submitted_with_common_prefixes_adjacent(open_over, engine):
    prefixes = [(), (7,), (7, 8), (7, 8, 9), (7, 9), (8,), (8, 7)]
    texts = ["".join("abcdefghij"[id_] for id_ in prefix) for prefix in prefixes]
    requests = [
        request(id_, prefix=texts[id_ // 2], prefix_tokens=prefixes[id_ // 2]) for id_ in range(2, 14)
    ]
    random.Random(3).shuffle(requests)
    open_over().submit(requests)
    seen = [tuple(draw.token_ids) for draw in engine.draws]
    assert seen == sorted(seen)
    assert len(seen) == len(requests)


def test_the_end_is_paid_for_and_not_part_of_the_continuation(open_over, engine):
    backend = open_over()
    backend.submit([request(7)])
    n_prompt = len(engine.draws[0].token_ids)
    engine.answer_all()
    (generation,) = backend.poll(0)
    assert generation.id == 7
    assert list(generation.token_ids) == WORDS
    assert generation.n_tokens == len(WORDS) + 1
    assert fault_in(generation) == ""
    assert (backend.prefix_cache.prompt_tokens, backend.prefix_cache.cached_tokens) == (n_prompt, 3)


@pytest.mark.parametrize("reason", ["error", "abort", "something new"])
def test_an_end_that_is_no_end_of_a_text_is_an_error(reason, open_over, engine):
    backend = open_over()
    backend.submit([request(0)])
    engine.answer_all(reason)
    (generation,) = backend.poll(0)
    assert generation.finish is FinishReason.ERROR
    assert reason in generation.error


def test_a_cancelled_request_never_comes_back_and_its_id_may_be_used_again(open_over, engine):
    backend = open_over()
    backend.submit([request(0), request(1)])
    late = [Outcome(draw.ticket, (*WORDS, EOS), "stop") for draw in engine.draws]
    backend.cancel([0, 99])
    assert len(engine.aborted) == 1
    backend.submit([request(0)])
    engine.outcomes = late
    assert [generation.id for generation in backend.poll(0)] == [1]
    engine.draws = engine.draws[2:]
    engine.answer_all()
    assert [generation.id for generation in backend.poll(0)] == [0]
    assert backend.poll(0) == []


def test_an_id_in_flight_cannot_be_submitted_again(open_over):
    backend = open_over()
    backend.submit([request(0)])
    with pytest.raises(BackendError, match="request 0 is in flight already"):
        backend.submit([request(0)])


def test_what_does_not_fit_comes_back_without_the_engine(open_over, engine):
    backend = open_over()
    backend.submit([request(0, prefix="x", prefix_tokens=(5,) * 200), request(1, max_new_tokens=0)])
    assert engine.draws == []
    found = {generation.id: generation.finish for generation in backend.poll(0)}
    assert found == {0: FinishReason.ERROR, 1: FinishReason.LENGTH}


def test_a_draw_is_limited_by_request_run_and_context(open_over, engine):
    backend = open_over(context=128)
    backend.submit([request(0, max_new_tokens=9)])
    backend.submit([request(1, max_new_tokens=90)])
    backend.submit([request(2, prefix="x", prefix_tokens=(5,) * 80, max_new_tokens=90)])
    room = 128 - len(engine.draws[2].token_ids)
    assert 0 < room < 50
    assert [draw.max_tokens for draw in engine.draws] == [9, 50, room]


def test_a_question_stays_on_its_replica_until_that_is_full_and_another_is_idle():
    placement = Placement(2, slots=2)
    assert [placement.enter(question) for question in ("a", "b", "a", "b")] == [0, 1, 0, 1]
    placement.leave("b", 1)
    assert placement.enter("a") == 1
    assert placement.enter("a") == 0


def test_a_question_without_draws_in_flight_has_no_home():
    placement = Placement(2, slots=2)
    assert placement.enter("a") == 0
    placement.leave("a", 0)
    assert placement.enter("b") == 0
    assert placement.enter("a") == 1


def test_stop_texts_and_greed_of_a_request_go_with_its_draw(open_over, engine):
    backend = open_over()
    backend.submit([replace(request(0), stop=("\n",), greedy=True), request(1)])
    assert sorted((draw.stop, draw.greedy) for draw in engine.draws) == [((), False), (("\n",), True)]
