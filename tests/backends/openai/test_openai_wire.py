"""What is sent to a server and what is made of its answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from server_asking import SAMPLING, drain, one, request
from tests.engine.fakes import continuation, questions

from omega_fast.backends.base import Backend, CountsTraffic, fault_in
from omega_fast.backends.openai_wire import Dialect
from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.records import FinishReason, Question


def test_it_is_a_backend(serve, open_on):
    backend = open_on(serve())
    assert isinstance(backend, Backend)
    assert isinstance(backend, CountsTraffic)
    assert backend.slots == 4


def test_prompt_and_prefix_tokens_arrive_as_they_are(serve, open_on, tokenizer):
    server = serve()
    backend = open_on(server)
    (question,) = questions(1)
    # Ids that no tokenizer would give this text: each byte a token of its own.
    odd = [tokenizer(letter, add_special_tokens=False)["input_ids"][-1] for letter in "s1 ok\n"]
    one(backend, prefix="s1 ok\n", prefix_tokens=odd)
    assert server.draws[-1].body["prompt"] == [*backend.prompt(question).token_ids, *odd]


def test_text_ids_and_ends_fit_and_leave_the_end_of_the_sequence_out(serve, open_on, tokenizer):
    backend = open_on(serve())
    generation = one(backend, seed=7)
    assert generation.text == continuation(questions(1)[0], "", 7)
    assert fault_in(generation) == ""
    assert tokenizer.decode(generation.token_ids) == generation.text
    assert generation.token_ends[-1] == len(generation.text.encode())
    assert generation.n_tokens == len(generation.token_ids) + 1
    assert generation.finish is FinishReason.STOP


def test_every_sampling_field_is_sent(serve, open_on):
    server = serve()
    sampling = replace(SAMPLING, temperature=0.7, top_k=30, top_p=0.9)
    backend = open_on(server, sampling, stop=("END",))
    one(backend, seed=2**40 + 5, max_new_tokens=17)
    body = server.draws[-1].body
    assert {name: body[name] for name in body if name not in ("prompt", "model")} == {
        "temperature": 0.7,
        "top_k": 30,
        "top_p": 0.9,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "seed": 5,
        "max_tokens": 17,
        "stop": ["END"],
        "include_stop_str_in_output": True,
        "return_token_ids": True,
    }


def test_the_token_limit_is_the_least_of_all(serve, open_on):
    server = serve(context=40)
    backend = open_on(server)
    generation = one(backend)
    assert server.draws[-1].body["max_tokens"] == 40 - generation.n_prompt_tokens
    assert generation.finish is FinishReason.LENGTH
    assert generation.n_tokens == 40 - generation.n_prompt_tokens


def test_without_a_tokenizer_no_more_is_asked_for_than_the_whole_context(serve, open_on):
    server = serve(context=40)
    one(open_on(server, tokenizer="off"))
    assert server.draws[-1].body["max_tokens"] == 40
    one(open_on(serve(context=None), tokenizer="off"))


def test_a_stop_text_ends_the_continuation_and_stays(serve, open_on):
    backend = open_on(serve(), stop=("ok",))
    text = continuation(questions(1)[0], "", 3)
    at = text.index("ok")
    kept = one(backend, seed=3)
    assert kept.text == text[: at + 2]
    assert kept.token_ends[-1:] in ((), (len(kept.text.encode()),))
    assert one(open_on(serve(), stop=("ok",), include_stop=False), seed=3).text == text[:at]


def test_a_request_may_bring_stop_texts_of_its_own_and_be_greedy(serve, open_on):
    server = serve()
    backend = open_on(server, replace(SAMPLING, temperature=0.7))
    text = continuation(questions(1)[0], "", 3)
    first = one(backend, seed=3, stop=("\n",), greedy=True)
    assert first.text == text[: text.index("\n") + 1]
    body = server.draws[-1].body
    assert (body["stop"], body["include_stop_str_in_output"], body["temperature"]) == (["\n"], True, 0.0)
    assert one(backend, seed=3).text == text
    assert "stop" not in server.draws[-1].body


@pytest.mark.parametrize("ids_back", ["return_token_ids", "logprobs"])
def test_ids_come_back_either_way(serve, open_on, ids_back):
    backend = open_on(serve(ids_back=ids_back))
    assert backend.dialect == Dialect("ids", ids_back)
    assert one(backend).token_ids


def test_without_ids_back_the_text_is_kept_alone(serve, open_on):
    backend = open_on(serve(ids_back="none"))
    assert backend.dialect == Dialect("ids", "none")
    generation = one(backend, seed=7)
    assert generation.text == continuation(questions(1)[0], "", 7)
    assert generation.token_ids == generation.token_ends == ()
    assert generation.n_tokens > 0


def test_without_a_tokenizer_texts_are_sent_and_the_fingerprint_says_so(serve, open_on):
    server = serve()
    backend = open_on(server, tokenizer="off")
    generation = one(backend, prefix="s1 ok\n", prefix_tokens=[1, 2])
    assert server.draws[-1].body["prompt"] == "3 steps, please (0)\ns1 ok\n"
    assert generation.token_ids == ()
    assert backend.fingerprint()["tokenizer"] is None
    assert backend.fingerprint()["prompts"] == "text"
    assert open_on(server).fingerprint()["tokenizer"]


def test_a_server_that_takes_no_ids_gets_texts_of_as_many_tokens(serve, open_on):
    server = serve(takes_ids=False)
    assert open_on(server).dialect == Dialect("text")
    with pytest.raises(BackendError, match="reads a prompt of"):
        open_on(serve(takes_ids=False, bos=1))


def test_a_question_that_does_not_fit_is_refused_before_it_is_sent(serve, open_on):
    server = serve(context=20)
    backend = open_on(server)
    long = Question("long", "x" * 200, None)
    with pytest.raises(InputError, match="tokens and the model takes 20"):
        backend.prompt(long)
    generation = one(backend, question=long)
    assert generation.finish is FinishReason.ERROR
    assert generation.given_up
    assert not server.draws


def test_many_requests_come_back_once_each(serve, open_on):
    server = serve()
    backend = open_on(server)
    done = drain(backend, [request(number) for number in range(40)])
    assert all(done[n].text == continuation(questions(1)[0], "", 100 + n) for n in range(40))
    assert len(server.draws) == 40


def test_an_id_in_flight_is_refused(serve, open_on):
    backend = open_on(serve())
    backend.submit([request(1)])
    with pytest.raises(BackendError, match="in flight already"):
        backend.submit([request(1)])


def test_a_closed_backend_says_so(serve, open_on):
    backend = open_on(serve())
    backend.close()
    backend.close()
    with pytest.raises(BackendError, match="closed"):
        backend.poll(0.0)


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "nonsense", "http://user:secret@host/v1", "http://h/v1?key=1"]
)
def test_addresses_that_cannot_be_used_or_kept_are_refused(open_on, url):
    with pytest.raises(ConfigError, match="base_url") as caught:
        open_on(url)
    assert "secret" not in str(caught.value)
