"""What a start finds out about a server, and what it refuses."""

from __future__ import annotations

import pytest
from scripted_server import Act, say
from server_asking import one
from tests.engine.fakes import continuation, questions

from omega_fast.backends.openai_wire import Dialect
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason, Sampling

CHAT = {"style": "chat", "text": "{problem}\n"}


def test_a_model_that_is_not_served_is_refused_with_those_that_are(serve, open_on):
    with pytest.raises(BackendError, match="does not serve 'tiny'") as caught:
        open_on(serve(models=("big", "bigger")))
    assert "big, bigger" in caught.value.hint


def test_nobody_at_the_address_is_told_with_the_address(serve, open_on):
    server = serve()
    server.close()
    with pytest.raises(BackendError, match=f"no server answers at {server.url}") as caught:
        open_on(server)
    assert "base_url" in caught.value.hint


def test_a_start_is_patient_with_a_server_that_is_still_loading(serve, open_on):
    server = serve(lambda ask: say(503) if ask.number < 3 else Act(), probes=True)
    assert open_on(server).dialect == Dialect("ids", "return_token_ids")


def test_a_server_that_fails_every_probe_is_refused(serve, open_on):
    server = serve(lambda _: say(500, "out of memory"), probes=True)
    with pytest.raises(BackendError, match="HTTP 500: out of memory"):
        open_on(server, retries=2)
    assert len(server.asks) == 3


@pytest.mark.parametrize("field", ["seed", "return_token_ids", "min_p", "repetition_penalty", "top_k"])
def test_a_refused_field_is_left_out_where_the_distribution_stays(serve, open_on, field):
    server = serve(refuses=frozenset({field}))
    backend = open_on(server)
    assert field in backend.dialect.dropped
    server.powers = type(server.powers)()
    if field != "seed":
        one(backend)
        assert field not in server.draws[-1].body


@pytest.mark.parametrize(
    ("field", "sampling"),
    [
        ("top_k", Sampling(temperature=1.0, top_k=30, top_p=1.0)),
        ("top_p", Sampling(temperature=1.0, top_k=0, top_p=0.9)),
        ("temperature", Sampling(temperature=0.7, top_k=0, top_p=1.0)),
        ("stop", Sampling(temperature=1.0, top_k=0, top_p=1.0)),
    ],
)
def test_a_refused_field_that_changes_the_distribution_refuses_the_server(serve, open_on, field, sampling):
    with pytest.raises(BackendError, match=f"refuses {field}, without which it would sample otherwise"):
        open_on(serve(refuses=frozenset({field})), sampling, stop=("END",))


def test_greedy_sampling_needs_no_filters(serve, open_on):
    greedy = Sampling(temperature=0.0, top_k=30, top_p=0.9)
    assert {"top_k", "top_p"} == open_on(serve(refuses=frozenset({"top_k", "top_p"})), greedy).dialect.dropped


def test_a_tokenizer_of_another_model_is_refused(serve, open_on):
    def other(answer):
        answer["choices"][0]["token_ids"] = [67]
        return answer

    with pytest.raises(BackendError, match="the tokenizer here is not the server's"):
        open_on(serve(lambda _: Act(edit=other), probes=True))


def test_a_server_that_continues_other_ids_is_refused(serve, open_on):
    def other(answer):
        answer["choices"][0]["prompt_token_ids"] = [5, 6]
        return answer

    with pytest.raises(BackendError, match="does not continue the token ids it is given"):
        open_on(serve(lambda _: Act(edit=other), probes=True))


def test_a_server_that_counts_nothing_is_refused_where_nothing_else_counts(serve, open_on):
    assert open_on(serve(counts=False)).dialect == Dialect("ids", "return_token_ids")
    with pytest.raises(BackendError, match="counts no tokens"):
        open_on(serve(counts=False, ids_back="none"))


@pytest.mark.parametrize("options", [{}, {"tokenizer": "off"}])
def test_chat_is_used_where_it_continues_a_prefix_whole(serve, open_on, options):
    server = serve(completions=False)
    backend = open_on(server, **options)
    assert backend.dialect.prompts == "messages"
    generation = one(backend, prefix="s1 π ok\n\n", seed=9)
    body = server.draws[-1].body
    assert body["messages"] == [
        {"role": "user", "content": "3 steps, please (0)\n"},
        {"role": "assistant", "content": "s1 π ok\n\n"},
    ]
    assert body["continue_final_message"] is True
    assert body["add_generation_prompt"] is False
    assert generation.text == continuation(questions(1)[0], "s1 π ok\n\n", 9)
    assert generation.token_ids == ()
    assert generation.finish is FinishReason.STOP
    assert backend.fingerprint()["prompts"] == "messages"


def test_a_root_in_chat_is_a_question_alone(serve, open_on):
    server = serve(completions=False)
    assert one(open_on(server), seed=9).text == continuation(questions(1)[0], "", 9)
    assert [each["role"] for each in server.draws[-1].body["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("template", "ids_back", "reason"),
    [
        ("trims", "return_token_ids", "chat template changes a prefix"),
        ("trims", "none", "drops .* at the end of a prefix"),
        ("trims the start", "return_token_ids", "chat template changes a prefix"),
        ("trims the start", "none", "drops blanks at the start of a prefix"),
        ("ignores", "return_token_ids", "chat template changes a prefix"),
        ("ignores", "none", "does not continue the last message, but answers it"),
    ],
)
def test_chat_is_refused_where_the_template_changes_a_prefix(serve, open_on, template, ids_back, reason):
    with pytest.raises(BackendError, match=reason) as caught:
        open_on(serve(completions=False, chat=template, ids_back=ids_back))
    assert "/completions" in caught.value.hint


def test_chat_is_asked_for_where_only_the_server_has_the_template(serve, open_on):
    server = serve()
    assert open_on(server, tokenizer="off", prompt=CHAT).dialect.prompts == "messages"
    assert {ask.path for ask in server.asks} == {"/chat/completions"}


def test_chat_is_refused_where_the_server_does_not_know_how_to_continue(serve, open_on):
    with pytest.raises(BackendError, match=r"refuses .*continue_final_message"):
        open_on(serve(completions=False, refuses=frozenset({"continue_final_message"})))


def test_chat_is_refused_where_part_of_the_text_is_kept_from_the_answer(serve, open_on):
    def thinks(answer):
        answer["choices"][0]["message"]["reasoning_content"] = "let me see"
        return answer

    with pytest.raises(BackendError, match="reasoning parser"):
        open_on(serve(lambda _: Act(edit=thinks), probes=True, completions=False), retries=0)
