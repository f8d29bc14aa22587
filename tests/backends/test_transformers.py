import json
import random
from dataclasses import replace

import pytest
import torch
from tiny_checkpoints import request

from omega_fast.backends.base import Backend
from omega_fast.errors import BackendError, InputError
from omega_fast.records import FinishReason, Question, Sampling

PROBLEMS = [
    "x is 9 . ?",
    "x is 9 . y is 1 . a y add 8 . ?",
    "?",
    "x is 9 . y is 1 . a x take 7 . b y add 1 . ?",
]


def many_requests(n: int = 24):
    return [
        request(id_, PROBLEMS[id_ % 4], seed=100 + id_, max_new_tokens=6 + 5 * (id_ % 5)) for id_ in range(n)
    ]


def test_it_is_a_backend(open_tiny):
    assert isinstance(open_tiny(), Backend)


def test_a_request_alone_in_a_batch_and_in_another_order_gives_the_same(open_tiny, drain):
    requests = many_requests()
    together = drain(open_tiny(slots=8), requests)
    alone = drain(open_tiny(slots=1), requests)
    shuffled = list(requests)
    random.Random(5).shuffle(shuffled)
    assert alone == together
    assert drain(open_tiny(slots=5, prefill_tokens=40), shuffled) == together


def test_requests_submitted_while_others_run_change_nothing(open_tiny, drain):
    requests = many_requests()
    expected = drain(open_tiny(slots=4), requests)
    backend = open_tiny(slots=4)
    generations = {}
    for asked in requests:
        backend.submit([asked])
        generations |= {generation.id: generation for generation in backend.poll(0)}
    while len(generations) < len(requests):
        generations |= {generation.id: generation for generation in backend.poll(5)}
    assert generations == expected


def test_draws_that_share_a_prompt_are_prefilled_once(open_tiny, drain):
    backend = open_tiny(slots=16)
    prefilled = []
    backend._checkpoint.model.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: prefilled.extend(
            [len(kwargs["input_ids"])] * (kwargs["input_ids"].shape[1] > 1)
        ),
        with_kwargs=True,
    )
    drain(backend, [request(id_, PROBLEMS[1], max_new_tokens=3 + id_ % 7) for id_ in range(40)])
    assert prefilled == [1]


def test_a_poll_without_time_still_runs_one_turn(open_tiny):
    backend = open_tiny()
    backend.submit([request(0, max_new_tokens=3)])
    finished = [backend.poll(0) for _ in range(3)]
    assert [len(generations) for generations in finished] == [0, 0, 1]


def test_a_poll_with_nothing_to_do_returns_at_once(open_tiny):
    assert open_tiny().poll(1e9) == []


def test_a_short_request_comes_back_while_a_long_one_runs(open_tiny):
    backend = open_tiny()
    backend.submit([request(0, max_new_tokens=100), request(1, max_new_tokens=2)])
    assert [generation.id for generation in backend.poll(60)] == [1]


def test_the_end_of_sequence_token_is_paid_for_but_not_kept(open_tiny, drain):
    generations = drain(open_tiny(slots=32), [request(id_, max_new_tokens=110) for id_ in range(32)])
    stopped = [generation for generation in generations.values() if generation.finish is FinishReason.STOP]
    assert stopped
    assert all(generation.n_tokens == len(generation.token_ids) + 1 for generation in stopped)
    assert all(0 not in generation.token_ids for generation in stopped)


def test_any_of_several_end_tokens_stops(open_tiny, drain):
    plain = drain(open_tiny(), [request(0)])[0]
    backend = open_tiny()
    end = plain.token_ids[5]
    object.__setattr__(backend._maker, "eos_ids", frozenset({0, end}))
    generation = drain(backend, [request(0)])[0]
    assert generation.token_ids == plain.token_ids[: plain.token_ids.index(end)]
    assert generation.finish is FinishReason.STOP


def test_the_requests_limit_and_the_runs_limit_both_hold(open_tiny, drain):
    backend = open_tiny(sampling=Sampling(temperature=0, max_new_tokens=7))
    generations = drain(backend, [request(0, max_new_tokens=5), request(1, max_new_tokens=50)])
    assert [generations[id_].n_tokens for id_ in (0, 1)] == [5, 7]
    assert {generation.finish for generation in generations.values()} == {FinishReason.LENGTH}


def test_a_sequence_ends_at_the_models_context(open_tiny, drain):
    generation = drain(open_tiny(sampling=Sampling(temperature=0)), [request(0, max_new_tokens=4000)])[0]
    assert generation.n_prompt_tokens + generation.n_tokens == 128
    assert generation.finish is FinishReason.LENGTH


def test_a_request_for_no_tokens_gets_none(open_tiny, drain):
    generation = drain(open_tiny(), [request(0, max_new_tokens=0)])[0]
    assert (generation.text, generation.n_tokens, generation.finish) == ("", 0, FinishReason.LENGTH)


def test_a_question_too_long_for_the_model_is_an_input_error(open_tiny):
    with pytest.raises(InputError, match="the model takes 128 in all"):
        open_tiny().prompt(Question(id="q", problem="漢" * 200, answer=None))


def test_a_prefix_grown_too_long_comes_back_as_an_error_and_hurts_nobody_else(open_tiny, drain):
    generations = drain(
        open_tiny(), [request(0), request(1, prefix_tokens=(5,) * 200, prefix="x"), request(2)]
    )
    assert generations[1].finish is FinishReason.ERROR
    assert "the model takes 128 in all" in generations[1].error
    assert generations[0].finish is not FinishReason.ERROR
    assert generations[2].finish is not FinishReason.ERROR


def test_continuing_from_its_own_tokens_gives_the_same_greedy_text(open_tiny, drain):
    greedy = Sampling(temperature=0)
    whole = drain(open_tiny(sampling=greedy), [request(0, max_new_tokens=20)])[0]
    first = whole.token_ids[:9]
    rest = drain(
        open_tiny(sampling=greedy), [request(0, prefix="unused", prefix_tokens=first, max_new_tokens=11)]
    )[0]
    assert first + rest.token_ids == whole.token_ids
    assert rest.n_prompt_tokens == whole.n_prompt_tokens + 9


def test_a_prefix_without_tokens_is_tokenised_with_the_prompt(open_tiny, drain):
    backend = open_tiny()
    generation = drain(backend, [request(0, "x is", prefix=" 9 .")])[0]
    joint = backend.prompt(Question(id="q", problem="x is 9 .", answer=None))
    assert generation.n_prompt_tokens == len(joint.token_ids)
    assert generation.token_ids == drain(open_tiny(), [request(0, "x is 9 .")])[0].token_ids


def test_text_and_offsets_agree_with_the_ids(open_tiny, drain):
    backend = open_tiny(slots=16)
    for generation in drain(backend, [request(id_, max_new_tokens=40) for id_ in range(16)]).values():
        assert generation.text == backend._checkpoint.tokenizer.decode(generation.token_ids)
        assert len(generation.token_ends) == len(generation.token_ids)
        assert max(generation.token_ends) <= len(generation.text.encode())


@pytest.mark.parametrize("include", [True, False])
def test_a_stop_text_ends_the_continuation(include, open_tiny, drain):
    plain = drain(open_tiny(), [request(0, max_new_tokens=40)])[0]
    stop = plain.text[8:10]
    end = plain.text.index(stop) + len(stop) * include
    generation = drain(open_tiny(stop=(stop,), include_stop=include), [request(0, max_new_tokens=40)])[0]
    assert generation.text == plain.text[:end]
    assert generation.finish is FinishReason.STOP
    assert generation.n_tokens < plain.n_tokens
    assert generation.token_ids in ((), plain.token_ids[: len(generation.token_ids)])


@pytest.mark.parametrize("slots", [4, 12])
def test_a_cancelled_request_never_comes_back_and_the_others_do(open_tiny, drain, slots):
    requests = many_requests(12)
    expected = drain(open_tiny(), requests)
    backend = open_tiny(slots=slots)
    backend.submit(requests)
    generations = {generation.id: generation for generation in backend.poll(0)}
    gone = {id_ for id_ in (0, 2, 5, 11) if id_ not in generations}
    backend.cancel([*gone, 999])
    while generations.keys() != expected.keys() - gone:
        generations |= {generation.id: generation for generation in backend.poll(5)}
    assert backend.poll(0) == []
    assert all(generations[id_] == expected[id_] for id_ in generations)


def test_a_cancelled_id_may_be_used_again(open_tiny, drain):
    backend = open_tiny()
    backend.submit([request(0)])
    backend.cancel([0])
    assert drain(backend, [request(0)]) == drain(open_tiny(), [request(0)])


def test_an_id_in_flight_cannot_be_submitted_again(open_tiny):
    backend = open_tiny()
    backend.submit([request(0)])
    with pytest.raises(BackendError, match="request 0 is in flight already"):
        backend.submit([request(0)])


def fail_on_call(backend, number: int) -> None:
    """Let the model run out of memory in its `number`th forward from now on, once."""
    calls = []

    def hook(*_):
        calls.append(None)
        if len(calls) == number:
            raise torch.OutOfMemoryError("no memory left")

    backend._checkpoint.model.base_model.register_forward_pre_hook(hook)


@pytest.mark.parametrize("number", [1, 2, 3, 6, 9])
def test_a_failing_forward_loses_no_request_and_the_engine_goes_on(number, open_tiny, drain):
    requests = many_requests(12)
    expected = drain(open_tiny(), requests)
    backend = open_tiny()
    fail_on_call(backend, number)
    generations = drain(backend, requests)
    failed = {id_ for id_, generation in generations.items() if generation.finish is FinishReason.ERROR}
    assert failed
    assert all("no memory left" in generations[id_].error for id_ in failed)
    assert all(generations[id_] == expected[id_] for id_ in generations.keys() - failed)
    assert drain(backend, [requests[id_] for id_ in failed]) == {id_: expected[id_] for id_ in failed}


def test_a_closed_backend_refuses_work_and_closes_twice(open_tiny):
    backend = open_tiny()
    backend.close()
    backend.close()
    with pytest.raises(BackendError, match="closed"):
        backend.submit([request(0)])


def test_the_seed_alone_tells_draws_of_one_state_apart(open_tiny, drain):
    asked = [replace(request(id_), seed=seed) for id_, seed in enumerate([7, 7, 8])]
    generations = drain(open_tiny(), asked)
    assert generations[0].token_ids == generations[1].token_ids != generations[2].token_ids


def test_the_fingerprint_is_json_and_the_same_for_two_engines_of_other_sizes(open_tiny):
    one, two = open_tiny(slots=2), open_tiny(slots=16, prefill_tokens=10)
    assert json.loads(json.dumps(one.fingerprint())) == two.fingerprint()


@pytest.mark.parametrize(
    "options",
    [
        {"sampling": Sampling(temperature=0.5)},
        {"prompt": {"text": "{problem}\n"}},
        {"stop": ("\n",)},
        {"max_context": 64},
        {"dtype": "bfloat16"},
        {"architecture": "qwen2"},
    ],
)
def test_what_changes_the_distribution_changes_the_fingerprint(options, open_tiny):
    assert open_tiny(**options).fingerprint() != open_tiny().fingerprint()


def test_a_request_may_bring_stop_texts_of_its_own(open_tiny, drain):
    plain = drain(open_tiny(), [request(0, max_new_tokens=40), request(1, max_new_tokens=40)])
    stop = plain[0].text[8:10]
    asked = [replace(request(0, max_new_tokens=40), stop=(stop,)), request(1, max_new_tokens=40)]
    both = drain(open_tiny(), asked)
    assert both[0].text == plain[0].text[: plain[0].text.index(stop) + len(stop)]
    assert both[0].finish is FinishReason.STOP
    assert both[1] == plain[1]


def test_a_request_may_be_greedy_beside_others_that_are_not(open_tiny, drain):
    plain = drain(open_tiny(), [request(id_, max_new_tokens=12) for id_ in range(4)])
    greedy = drain(
        open_tiny(sampling=Sampling(temperature=0.0, max_new_tokens=64)), [request(9, max_new_tokens=12)]
    )[9]
    asked = [request(id_, max_new_tokens=12) for id_ in range(4)]
    mixed = drain(open_tiny(), [*asked, replace(request(9, max_new_tokens=12), greedy=True)])
    assert mixed.pop(9) == greedy
    assert mixed == plain
