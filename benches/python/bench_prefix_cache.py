"""Prompt tokens that vLLM finds in its prefix cache, by the order of submission, when the cache is too small for all.

Deep trees behind a shared header: every prompt is a header of 512 tokens or more, a question of about 200, and a
solution prefix of up to 224 in steps of 32; every state is asked four times, and many more requests are queued than
run at once. The cache holds 8,192 tokens, fewer than the trees have. Three orders: depth first, as the backend sorts
what it is given together; waves, as a search asks in which every question has one state out at a time, each wave in a
submission of its own; and shuffled. Rates are by vLLM's own `num_cached_tokens`, from an empty cache. One JSON line.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import GenerationRequest, Question, Sampling
from omega_fast.tasks.ledger import LedgerConfig, questions

HEADER_TOKENS = 512
QUESTION_TOKENS = 200
STEP_TOKENS = 32
STEPS = 7
QUESTIONS = 24
DRAWS = 4
SLOTS = 8
BLOCK = 32
BLOCKS = 256


def main() -> None:
    """Ask everything in the three orders and print the rates."""
    with tempfile.TemporaryDirectory() as folder:
        backend = open_engine(Path(folder) / "policy")
        waves = make_waves(backend)
        draws = [draw for wave in waves for draw in wave]
        shuffled = random.Random(0).sample(draws, len(draws))
        orders = {"depth_first": [draws], "waves": waves, "shuffled": [[draw] for draw in shuffled]}
        found: dict[str, Any] = {"draws": len(draws), "cache_tokens": BLOCK * BLOCKS}
        for name, batches in orders.items():
            cached, asked = use_of_cache(backend, batches)
            below = HEADER_TOKENS * len(draws)
            found |= {name: round(cached / asked, 3)}
            found |= {f"{name}_after_header": round((cached - below) / (asked - below), 3)}
        backend.close()
    print(json.dumps(found), flush=True)


def open_engine(folder: Path) -> Any:
    """The embedded policy with room for 1,024 tokens, in an engine with a small cache."""
    shutil.copytree(ASSETS, folder)
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 1024}))
    options = {
        "model": str(folder),
        "slots": SLOTS,
        "threads": 1,
        "prompt": {"style": "plain", "text": "{problem}\n"},
        "engine_args": {
            "enforce_eager": True,
            "block_size": BLOCK,
            "num_gpu_blocks_override": BLOCKS,
            "kv_cache_memory_bytes": 2**28,
            "max_num_batched_tokens": 2048,
        },
    }
    with warnings.catch_warnings(action="ignore"):  # importing vLLM brings those of its own libraries
        from omega_fast.backends.vllm import open_vllm

        return open_vllm(options, Sampling(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=128))


def make_waves(backend: Any) -> list[list[GenerationRequest]]:
    """Wave i has the draws from the state after i steps of every question."""
    problems = iter([each.problem for each in questions(LedgerConfig(), 2000, 1, "train")])

    def text(tokens: int) -> str:
        found = ""
        while len(backend.prompt(Question("", found + " ", None)).token_ids) <= tokens:
            found += next(problems) + "\n"
        return found

    header = text(HEADER_TOKENS)
    asked = [Question(str(number), header + text(QUESTION_TOKENS), None) for number in range(QUESTIONS)]
    chance = random.Random(1)
    steps = [[chance.randrange(20, 60) for _ in range(STEPS * STEP_TOKENS)] for _ in asked]
    waves: list[list[GenerationRequest]] = [[] for _ in range(STEPS + 1)]
    for depth, wave in enumerate(waves):
        for question, ids in zip(asked, steps, strict=True):
            for draw in range(DRAWS):
                number = (depth * QUESTIONS + int(question.id)) * DRAWS + draw
                prefix = tuple(ids[: depth * STEP_TOKENS])
                # The text stands for the ids, which are what is continued.
                words = "".join(f"{id_} " for id_ in prefix)
                wave.append(GenerationRequest(number, question, words, prefix, number, 4))
    return waves


def use_of_cache(backend: Any, batches: list[list[GenerationRequest]]) -> tuple[int, int]:
    """Prompt tokens found in the cache, and in all."""
    backend._engine.forget_prefixes()
    before = (backend.prefix_cache.prompt_tokens, backend.prefix_cache.cached_tokens)
    for batch in batches:
        backend.submit(batch)
    left = sum(map(len, batches))
    while left:
        left -= len(backend.poll(60.0))
    after = backend.prefix_cache
    return after.cached_tokens - before[1], after.prompt_tokens - before[0]


if __name__ == "__main__":
    main()
