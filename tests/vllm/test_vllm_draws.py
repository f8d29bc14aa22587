"""Draws from the real engine beside those of the transformers backend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omega_fast.backends.base import Backend, fault_in
from omega_fast.records import FinishReason, GenerationRequest
from tests.vllm.opened import SAMPLING, open_transformers_with

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def greedy_transformers(long_policy):
    return open_transformers_with(long_policy, replace(SAMPLING, temperature=0.0))


@pytest.fixture
def greedy_vllm(engines, monkeypatch):
    engine = engines.vllm._engine
    monkeypatch.setattr(engine, "_sampling", engine._sampling | {"temperature": 0.0})
    return engines.vllm


def asked(ledger, **changes) -> list[GenerationRequest]:
    plain = [GenerationRequest(id_, each, "", None, id_, 128) for id_, each in enumerate(ledger)]
    return [replace(request, **changes) for request in plain]


def test_it_is_a_backend_with_the_fingerprint_of_the_same_policy_elsewhere(engines):
    assert isinstance(engines.vllm, Backend)
    assert engines.vllm.fingerprint() == engines.transformers.fingerprint()


def test_greedy_decoding_of_the_same_ids_gives_the_same_text(greedy_vllm, greedy_transformers, ledger, drain):
    here, there = drain(greedy_vllm, asked(ledger)), drain(greedy_transformers, asked(ledger))
    assert here == there
    assert sum(generation.finish is FinishReason.STOP for generation in here.values()) > 40
    # And from the middle, on the ids that were generated.
    prefixes = {
        id_: replace(
            asked(ledger)[id_], prefix="unused", prefix_tokens=whole.token_ids[: len(whole.token_ids) // 2]
        )
        for id_, whole in here.items()
    }
    continued = drain(greedy_vllm, list(prefixes.values()))
    assert continued == drain(greedy_transformers, list(prefixes.values()))
    for id_, whole in here.items():
        assert tuple(prefixes[id_].prefix_tokens) + continued[id_].token_ids == whole.token_ids
        assert continued[id_].n_prompt_tokens == whole.n_prompt_tokens + len(prefixes[id_].prefix_tokens)
    print(f"greedy: {len(here)} of {len(ledger)} texts equal, and as many from their middle")


def test_every_generation_is_one_the_pump_keeps_and_its_ids_spell_its_text(engines, ledger, drain):
    for generation in drain(engines.vllm, asked(ledger)).values():
        assert fault_in(generation) == ""
        assert not generation.token_ids or generation.token_ends[-1] == len(generation.text.encode())
        assert generation.n_tokens == len(generation.token_ids) + (generation.finish is FinishReason.STOP)


def test_the_seed_alone_tells_draws_of_one_state_apart(engines, ledger, drain):
    requests = [replace(asked(ledger)[0], id=id_, seed=2**64 - 1 - id_ % 8) for id_ in range(64)]
    found = drain(engines.vllm, requests)
    texts = {id_ % 8: found[id_].text for id_ in range(8)}
    assert all(found[id_].text == texts[id_ % 8] for id_ in range(64))
    assert len(set(texts.values())) > 1


def test_limits_of_tokens_hold(engines, ledger, drain):
    found = drain(engines.vllm, asked(ledger[:4], max_new_tokens=3))
    assert {generation.n_tokens for generation in found.values()} == {3}
    assert {generation.finish for generation in found.values()} == {FinishReason.LENGTH}


def test_cancelled_requests_never_come_back_and_leave_the_engine(engines, ledger, drain):
    backend = engines.vllm
    requests = [replace(asked(ledger)[id_ % 50], id=id_, seed=id_) for id_ in range(400)]
    expected = drain(backend, requests)
    backend.submit(requests)
    gone = set(range(0, 400, 2))
    backend.cancel([*gone, 10_000])
    found = {}
    while len(found) < 200:
        found |= {generation.id: generation for generation in backend.poll(60.0)}
    assert backend.poll(0.5) == []
    assert not backend._engine._llm.get_num_unfinished_requests()
    assert found.keys() == expected.keys() - gone
    again = drain(backend, requests[:2])
    assert again.keys() == {0, 1}
