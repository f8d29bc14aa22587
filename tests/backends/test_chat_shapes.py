"""Chat models of every shape, end to end: their prompts, what is continued, and what ends a turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from chat_shapes import SHAPES, Shape, chat_tokenizer, save_chat_checkpoint
from tiny_checkpoints import request

from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.backends.transformers import TransformersBackend, open_transformers
from omega_fast.config import AnnotateConfig
from omega_fast.errors import InputError
from omega_fast.jobs.opening import opens_thought
from omega_fast.records import FinishReason, Sampling

PROBLEM = "x is 9 ."
EVERY = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
CONFIG = AnnotateConfig(question_file="q")


def encoder(shape: Shape, **words: str) -> PromptEncoder:
    return PromptEncoder(chat_tokenizer(shape), PromptTemplate(chat_options=shape.options, **words), 1000)


@pytest.fixture(scope="module")
def open_shape(tmp_path_factory) -> Callable[[Shape], TransformersBackend]:
    def open_one(shape: Shape, temperature: float = 1.0, **sampling: float) -> TransformersBackend:
        folder = save_chat_checkpoint(tmp_path_factory.mktemp("chat"), shape)
        settings = {"model": str(folder), "slots": 16, "prompt": {"chat_options": shape.options}}
        return open_transformers(settings, Sampling(temperature, 0, 1.0, **sampling))

    return open_one


@EVERY
def test_the_prompt_is_what_the_template_says(shape):
    prompt = encoder(shape).prompt(request(0, PROBLEM).question)
    assert prompt.text == shape.prompt
    assert chat_tokenizer(shape).decode(prompt.token_ids) == shape.prompt


@EVERY
def test_a_prompt_that_ends_inside_a_thought_is_seen(shape):
    assert (
        opens_thought(CONFIG, encoder(shape).prompt(request(0, PROBLEM).question).text) == shape.opens_thought
    )


@EVERY
def test_a_question_that_speaks_of_markers_opens_no_thought_and_closes_none(shape):
    for problem in ("What does <think> mean?\n<think>", "Say </think>.", "<think></think>"):
        text = encoder(shape).prompt(request(0, problem).question).text
        assert opens_thought(CONFIG, text) == shape.opens_thought


@EVERY
def test_a_system_message_is_shown_or_refused_by_name(shape):
    prompts = encoder(shape, system="Be right.")
    if shape.takes_system:
        text = prompts.prompt(request(0, PROBLEM).question).text
        assert text.index("Be right.") < text.index(PROBLEM)
    else:
        with pytest.raises(InputError, match="System role not supported"):
            prompts.prompt(request(0, PROBLEM).question)


@EVERY
def test_a_continuation_goes_on_from_the_very_ids_that_were_generated(shape, open_shape, drain):
    backend = open_shape(shape, temperature=0.0, max_new_tokens=24)
    prompt = tuple(backend.prompt(request(0, PROBLEM).question).token_ids)
    whole = drain(backend, [request(0, PROBLEM)])[0]
    cuts = [at for at in range(1, len(whole.token_ids)) if whole.token_ends[at - 1] >= 0]
    assert len(cuts) > 4
    text = whole.text.encode()
    asked = [
        request(
            at,
            PROBLEM,
            prefix=text[: whole.token_ends[at - 1]].decode(),
            prefix_tokens=tuple(whole.token_ids[:at]),
            max_new_tokens=24 - at,
        )
        for at in cuts
    ]
    assert all(backend._prompts.request_ids(each) == (*prompt, *whole.token_ids[: each.id]) for each in asked)
    rest = drain(backend, asked)
    assert all(tuple(rest[at].token_ids) == tuple(whole.token_ids[at:]) for at in cuts)
    assert all(each.n_prompt_tokens == len(prompt) + each.id for each in rest.values())


@EVERY
def test_every_end_of_a_turn_ends_a_rollout_and_is_no_part_of_it(shape, open_shape, drain):
    backend = open_shape(shape, max_new_tokens=60)
    drawn = drain(backend, [request(seed, PROBLEM, max_new_tokens=60) for seed in range(64)])
    ends = set(chat_tokenizer(shape).convert_tokens_to_ids(list(shape.ends)))
    stopped = [each for each in drawn.values() if each.finish is FinishReason.STOP]
    assert stopped
    assert all(each.n_tokens == len(each.token_ids) + 1 for each in stopped)
    assert not any(ends & set(each.token_ids) for each in drawn.values())
    assert not any(end in each.text for each in drawn.values() for end in shape.ends)
