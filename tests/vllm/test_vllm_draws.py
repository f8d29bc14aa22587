"""Draws from vLLM, in process and behind its server, beside those of the transformers backend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omega_fast.backends.base import Backend, fault_in
from omega_fast.backends.openai_wire import Dialect
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question
from tests.vllm.opened import CONTEXT, SAMPLING, open_served_at, open_transformers_with
from tests.vllm.server import SERVED_NAME

pytestmark = pytest.mark.vllm


GREEDY = replace(SAMPLING, temperature=0.0)
MULTI_BYTE = Question("multi-byte", "naïve é is 3 . 数学 is 4 . é 👍🏽 take 5 . ?", None)


@pytest.fixture
def greedy(engines, server, long_policy, monkeypatch):
    """Greedy decoding by name of the engine."""
    running = engines.vllm._engine
    monkeypatch.setattr(running, "_sampling", running._sampling | {"temperature": 0.0})
    transformers = open_transformers_with(long_policy, GREEDY)
    served = open_served_at(server.url, SERVED_NAME, long_policy, GREEDY)
    yield {"transformers": transformers, "vllm": engines.vllm, "openai": served}
    transformers.close()
    served.close()


def asked(ledger, **changes) -> list[GenerationRequest]:
    plain = [GenerationRequest(id_, each, "", None, id_, 128) for id_, each in enumerate(ledger)]
    return [replace(request, **changes) for request in plain]


def cut_everywhere(backend) -> dict[str, GenerationRequest]:
    """Requests whose prefixes end where prefixes end badly: inside words, characters and tokens."""
    # Without the start of the text and the end of the line; the last three are the bytes of one character.
    word = tuple(backend.prompt(Question("ids", "b 数", None)).token_ids)[1:-1]
    assert len(word) == 5
    plain = GenerationRequest(0, MULTI_BYTE, "", None, 0, 32)
    characters = {
        f"{left} bytes short of a character": replace(plain, prefix="b", prefix_tokens=word[: 5 - left])
        for left in (0, 1, 2)
    }
    texts = (
        "b é 3 - 1 = 2\n",
        "b é 3 - 1 =",
        "b é 3 - 1 = 2\nans",
        "b é 3 -",
        "数学\n\n",
        " \t\n",
        "👍🏽",
        "e\u0301",
    )
    return {
        "nothing": plain,
        **characters,
        **{f"text {text!r}": replace(plain, prefix=text) for text in texts},
    }


def test_it_is_a_backend_with_the_fingerprint_of_the_same_policy_elsewhere(engines):
    assert isinstance(engines.vllm, Backend)
    assert engines.vllm.fingerprint() == engines.transformers.fingerprint()


def test_the_server_is_spoken_to_in_ids_and_says_its_context(served):
    assert isinstance(served, Backend)
    assert served.dialect == Dialect("ids", "return_token_ids")
    assert served.fingerprint()["context"] == CONTEXT


def without_bills(made: dict[int, Generation]) -> dict[int, Generation]:
    """What engines made, without the tokens that a server alone reports."""
    return {id_: replace(each, usage=None) for id_, each in made.items()}


def test_greedy_decoding_of_the_same_ids_gives_the_same_text_on_all_engines(greedy, ledger, drain):
    found = {name: without_bills(drain(backend, asked(ledger))) for name, backend in greedy.items()}
    whole = found["transformers"]
    assert found["vllm"] == whole
    assert found["openai"] == whole
    assert sum(generation.finish is FinishReason.STOP for generation in whole.values()) > 40
    # And from the middle, on the ids that were generated.
    middles = {
        id_: replace(
            asked(ledger)[id_], prefix="unused", prefix_tokens=each.token_ids[: len(each.token_ids) // 2]
        )
        for id_, each in whole.items()
    }
    for backend in greedy.values():
        continued = drain(backend, list(middles.values()))
        for id_, each in whole.items():
            assert tuple(middles[id_].prefix_tokens) + continued[id_].token_ids == each.token_ids
            assert continued[id_].n_prompt_tokens == each.n_prompt_tokens + len(middles[id_].prefix_tokens)
    print(f"greedy: {len(whole)} texts equal on {', '.join(greedy)}, and as many from their middle")


def test_greedy_decoding_is_the_same_wherever_a_prefix_is_cut(greedy, drain):
    cuts = cut_everywhere(greedy["transformers"])
    requests = [replace(request, id=id_) for id_, request in enumerate(cuts.values())]
    found = {name: without_bills(drain(backend, requests)) for name, backend in greedy.items()}
    for id_, cut in enumerate(cuts):
        texts = {name: (each[id_].text, each[id_].token_ids) for name, each in found.items()}
        assert len(set(texts.values())) == 1, (cut, texts)
    assert found["vllm"] == found["openai"] == found["transformers"]
    print(f"greedy: {len(cuts)} prefixes cut anywhere continue alike on {', '.join(greedy)}")


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


def test_a_request_may_be_greedy_and_end_with_its_step_beside_others_that_do_neither(
    engines, served, ledger, drain
):
    few = ledger[:20]
    whole = asked(few, greedy=True)
    steps = [replace(each, id=100 + each.id, stop=("\n",)) for each in whole]
    sampled = [replace(each, id=200 + each.id) for each in asked(few)]
    backends = {"transformers": engines.transformers, "vllm": engines.vllm, "openai": served}
    found = {
        name: without_bills(drain(backend, [*sampled, *steps, *whole])) for name, backend in backends.items()
    }
    for name, made in found.items():
        for each in whole:
            assert made[each.id] == found["transformers"][each.id], name
            text, step = made[each.id].text, made[100 + each.id]
            assert step.text == text[: text.index("\n") + 1], name
            assert step.finish is FinishReason.STOP
        assert any(made[200 + each.id].text != made[each.id].text for each in whole), name
    print(f"greedy steps: {len(steps)} end with their step on {', '.join(found)}")
