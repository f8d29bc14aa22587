"""How many prompt tokens vLLM finds in its prefix cache, by the order in which draws are submitted."""

from __future__ import annotations

import random

import pytest

from omega_fast.jobs import annotate
from omega_fast.records import GenerationRequest, Question
from omega_fast.search.projection import read_artifacts
from omega_fast.tasks.ledger import LedgerConfig, questions
from tests.vllm.opened import BLOCK, ledger_config

pytestmark = pytest.mark.vllm

HEADER_TOKENS = 512


def header(backend) -> str:
    """Further problems before the one that is asked, as a prompt with examples has them."""
    text = ""
    for question in questions(LedgerConfig(), 100, 1, "train"):
        text += question.problem + "\n"
        if len(backend.prompt(Question("header", text, None)).token_ids) > HEADER_TOKENS:
            return text
    raise AssertionError("the embedded task has too few words")


@pytest.fixture(scope="module")
def draws(engines, tmp_path_factory) -> list[GenerationRequest]:
    """Every draw of a run, asked again with the header before its question."""
    run = tmp_path_factory.mktemp("cache") / "run"
    annotate(ledger_config(run), backend=engines.vllm)
    shared = header(engines.vllm)
    found = []
    for tree in read_artifacts(run):
        question = Question(tree.question.id, shared + tree.question.problem, None)
        for rollout in tree.rollouts:
            prefix = tree.prefix(rollout.node)
            found.append(GenerationRequest(len(found), question, prefix, None, len(found), 64))
    return found


def use_of_cache(backend, batches: list[list[GenerationRequest]]) -> tuple[int, int]:
    """Prompt tokens found in the cache, by vLLM's `num_cached_tokens`, and in all, from an empty cache."""
    backend._engine.forget_prefixes()
    before = (backend.prefix_cache.prompt_tokens, backend.prefix_cache.cached_tokens)
    for batch in batches:
        backend.submit(batch)
    left = sum(map(len, batches))
    while left:
        left -= len(backend.poll(60.0))
    after = backend.prefix_cache
    return after.cached_tokens - before[1], after.prompt_tokens - before[0]


def test_depth_first_submission_finds_more_prefixes_in_the_cache_than_a_shuffled_one(engines, draws):
    shuffled = random.Random(0).sample(draws, len(draws))
    # What arrives together the backend puts in order; one by one it cannot.
    depth_first, asked = use_of_cache(engines.vllm, [shuffled])
    in_any_order, _ = use_of_cache(engines.vllm, [[request] for request in shuffled])
    whole_blocks = HEADER_TOKENS // BLOCK * BLOCK * len(draws)
    print(
        f"prefix cache, {len(draws)} draws with a header of {HEADER_TOKENS} tokens or more, blocks of {BLOCK}:"
    )
    for order, cached in (("depth first", depth_first), ("shuffled", in_any_order)):
        below = (cached - whole_blocks) / (asked - whole_blocks)
        print(
            f"  {order}: {cached / asked:.3f} of all prompt tokens, {below:.3f} of those after the first 512"
        )
    assert depth_first > in_any_order
