"""Must hold for every engine: a continued prompt is the prompt's ids and the generated ids, or it is counted.

Searches are run over random ids of byte-level and byte-fallback tokenizers and of chat models whose templates trim,
cut by every rule; the ids an engine would be given are compared with the ids that were drawn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pytest
from chat_shapes import SHAPES, chat_tokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_checkpoints import byte_fallback_tokenizer, byte_level_tokenizer

from omega_fast._core import Response, Scheduler, step_cuts
from omega_fast.backends.generations import GenerationMaker
from omega_fast.backends.openai_prompts import LocalTokens, ServerPrompts
from omega_fast.backends.openai_wire import Dialect
from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.backends.tokens import decode_tokens, token_decoder
from omega_fast.backends.vllm_backend import VllmBackend
from omega_fast.backends.vllm_draws import Draw
from omega_fast.records import GenerationRequest, Question

CONTEXT = 100_000
PIECES = [
    "a",
    "x is 9 .",
    "\n\n",
    "\n",
    ".\n\n",
    " ",
    "é",
    "漢字",
    "👩‍👧",
    "\u2029",
    "<think>",
    "</think>",
    "\u00ad",
]
RULES: list[dict[str, Any]] = [
    {"by": "separator", "separator": "\n\n"},
    {"by": "separator", "separator": " "},
    {"by": "separator", "separator": "é"},
    {"by": "regex", "pattern": "[.\\s]+"},
    {"by": "midpoint", "max_tokens": 3},
]


@dataclass
class Policy:
    """A tokenizer with its prompts, as every engine here makes them."""

    tokenizer: Any
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        template = PromptTemplate(chat_options=self.options)
        self.decoder = token_decoder(self.tokenizer)
        self.encoder = PromptEncoder(self.tokenizer, template, CONTEXT)
        self.server = ServerPrompts(template, LocalTokens(self.tokenizer, template, CONTEXT))
        self.specials = set(self.tokenizer.all_special_ids)

    def ids(self, data: st.DataObject) -> list[int]:
        """A continuation: a text as the tokenizer cuts it, texts glued token by token, or any ids at all."""
        texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
        encoded = texts.map(lambda text: self.tokenizer(text, add_special_tokens=False)["input_ids"])
        anything = st.lists(st.integers(0, len(self.tokenizer) - 1), max_size=12)
        glued = st.lists(st.one_of(encoded, anything), max_size=3).map(lambda parts: list(chain(*parts)))
        return [id_ for id_ in data.draw(glued) if id_ not in self.specials]


POLICIES = {
    "byte level": Policy(byte_level_tokenizer()),
    "byte fallback": Policy(byte_fallback_tokenizer()),
    **{name: Policy(chat_tokenizer(shape), shape.options) for name, shape in SHAPES.items()},
}
EVERY = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
SEARCHES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class NoEngine:
    """What a vLLM backend submits to."""

    def __init__(self) -> None:
        self.draws: list[Draw] = []

    def submit(self, draws: Sequence[Draw]) -> None:
        self.draws.extend(draws)

    def abort(self, tickets: object) -> None:
        pass

    def collect(self, timeout: float) -> list[Any]:
        return []

    def close(self) -> None:
        pass


def given_to_vllm(policy: Policy, request: GenerationRequest) -> tuple[int, ...]:
    engine = NoEngine()
    maker = GenerationMaker(policy.decoder, frozenset(policy.specials), (), True)
    limits = {"slots": 1, "replicas": 1, "max_new_tokens": 99, "context": CONTEXT}
    VllmBackend(engine, policy.encoder, maker, {}, **limits).submit([request])
    return tuple(engine.draws[0].token_ids)


def given_to_server(policy: Policy, request: GenerationRequest) -> tuple[int, ...]:
    payload = policy.server.payload(request, policy.server.ids(request), Dialect("ids", "return_token_ids"))
    assert isinstance(payload, list)
    return tuple(payload)


def core_config(split: dict[str, Any], thought: str) -> str:
    return json.dumps(
        {
            "num_rollouts": 2,
            "rollout_budget": 16,
            "max_search_count": 6,
            "locate": "every_step",
            "split": split,
            "thought": {"split": thought},
        }
    )


@EVERY
@given(data=st.data())
@SEARCHES
def test_what_is_continued_is_what_was_generated_or_it_is_counted(policy, data):
    split = data.draw(st.sampled_from(RULES))
    config = core_config(split, data.draw(st.sampled_from(["none", "inside", "after", "both"])))
    question = Question("q", data.draw(st.sampled_from([" x is 9 . ", "é?\n", "漢字"])), "1")
    prompt = tuple(policy.encoder.prompt(question).token_ids)
    scheduler = Scheduler(config)
    scheduler.add_question(question.id, question.problem, [])
    generated: dict[str, set[tuple[int, ...]]] = {"": {()}}  # every way a prefix was spelled
    counted = 0
    while not scheduler.is_done:
        for asked in scheduler.poll_requests(8):
            request = GenerationRequest(
                asked.sequence, question, asked.prefix, asked.prefix_tokens, asked.seed, 99, asked.draw
            )
            ids = policy.encoder.request_ids(request)
            assert given_to_vllm(policy, request) == given_to_server(policy, request) == ids
            if asked.prefix_tokens is None:
                counted += 1
            else:
                assert ids[: len(prompt)] == prompt
                assert ids[len(prompt) :] in generated[asked.prefix]
            drawn = policy.ids(data)
            text, ends = decode_tokens(policy.decoder, drawn, ids)
            if asked.prefix_tokens is not None:
                for cut in step_cuts(config, text, list(ends), asked.prefix):
                    if cut in ends:
                        upto = len(ends) - ends[::-1].index(cut)
                        spelled = (*asked.prefix_tokens, *drawn[:upto])
                        whole = asked.prefix + text.encode()[:cut].decode()
                        generated.setdefault(whole, set()).add(spelled)
            response = Response.rollout(
                asked,
                text=text,
                token_ids=drawn,
                token_ends=list(ends),
                n_tokens=len(drawn),
                verdict="wrong" if asked.draw else "correct",
                answer=None,
            )
            scheduler.handle_responses([response])
    assert json.loads(scheduler.retire(0)[0])["counts"]["retokenised"] == counted


@EVERY
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_cut_at_the_end_of_a_token_keeps_the_ids_whatever_the_text_would_be_merged_to(policy, data):
    question = Question("q", "x is 9 .", "1")
    prompt = tuple(policy.encoder.prompt(question).token_ids)
    drawn = policy.ids(data)
    text, ends = decode_tokens(policy.decoder, drawn, prompt)
    assert text == "" or "".join(steps_of(text, ends)) == text or not text.strip()
    for at, end in enumerate(ends):
        if end > 0:
            prefix = text.encode()[:end].decode()
            request = GenerationRequest(0, question, prefix, tuple(drawn[: at + 1]), 0, 9)
            assert policy.encoder.request_ids(request) == (*prompt, *drawn[: at + 1])


def steps_of(text: str, ends: Sequence[int]) -> list[str]:
    cuts = step_cuts(core_config(RULES[0], "both"), text, list(ends))
    data = text.encode()
    return [data[start:end].decode() for start, end in zip([0, *cuts], cuts, strict=False)]


def test_a_separator_inside_a_merged_token_is_met_and_counted():
    policy = POLICIES["byte level"]
    vocabulary = policy.tokenizer.get_vocab()
    across = next(id_ for word, id_ in vocabulary.items() if "Ċ" in word[:-1] and not word.endswith("Ċ"))
    letter = vocabulary["x"]
    text, ends = decode_tokens(policy.decoder, [letter, across, letter], ())
    cuts = step_cuts(core_config({"by": "separator", "separator": "\n"}, "none"), text, list(ends))
    assert any(cut not in ends for cut in cuts[:-1])
