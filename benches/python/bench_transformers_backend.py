"""Generated tokens per second of the transformers backend beside `model.generate`, same prompts and lengths.

The model is a tiny random Llama that the bench makes itself: what is measured is what a turn costs. Lengths
are drawn per request with a long tail, as solutions have; `generate` runs each batch until its longest is
done, and only the tokens that were asked for count. Prints one JSON line per slot count and engine.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from omega_fast.backends.transformers import open_transformers
from omega_fast.records import GenerationRequest, Question, Sampling

PROMPT_CHARACTERS = 40
MEAN_LENGTH = 45
LONGEST = 180


def main() -> None:
    """Parse the command line and run every slot count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, nargs="+", default=[16, 64, 128, 256])
    parser.add_argument("--rounds", type=int, default=3, help="requests per slot")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--draws", type=int, default=16, help="requests that share a prompt")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        save_tiny_llama(Path(folder))
        for slots in arguments.slots:
            requests = make_requests(slots * arguments.rounds, arguments.draws)
            for engine, run in (("backend", run_backend), ("generate", run_generate)):
                seconds, cpu_seconds = run(Path(folder), requests, slots)
                n_tokens = sum(request.max_new_tokens for request in requests)
                figures: dict[str, str | int] = {"engine": engine, "slots": slots}
                figures["threads"] = arguments.threads
                figures |= {"tokens": n_tokens, "tokens_per_s": round(n_tokens / seconds)}
                print(json.dumps({**figures, "tokens_per_cpu_s": round(n_tokens / cpu_seconds)}), flush=True)


def save_tiny_llama(folder: Path) -> None:
    """A random Llama (4 layers, width 128, 512 words) that never ends on its own, and its tokenizer."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [f"{first}{second}" for first in alphabet[:16] for second in alphabet[:16]]
    words = {word: id_ for id_, word in enumerate([*alphabet, *pairs])}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def make_requests(count: int, draws: int) -> list[GenerationRequest]:
    """Requests in groups of `draws` on one prompt, with exponential lengths."""
    chance = random.Random(0)
    requests = []
    for id_ in range(count):
        if id_ % draws == 0:
            problem = "".join(
                chance.choices("abcdefghij 0123456789", k=PROMPT_CHARACTERS + chance.randrange(20))
            )
        length = min(LONGEST, 1 + int(chance.expovariate(1 / MEAN_LENGTH)))
        question = Question(id=str(id_ // draws), problem=problem, answer=None)
        requests.append(GenerationRequest(id_, question, "", None, seed=id_, max_new_tokens=length))
    return requests


def run_backend(folder: Path, requests: list[GenerationRequest], slots: int) -> tuple[float, float]:
    """Seconds and CPU seconds from the first submit to the last generation."""
    backend = open_transformers({"model": str(folder), "slots": slots}, Sampling(max_new_tokens=LONGEST))
    start = clocks()
    backend.submit(requests)
    left = len(requests)
    while left:
        left -= len(backend.poll(1.0))
    elapsed = since(start)
    backend.close()
    return elapsed


@torch.inference_mode()
def run_generate(folder: Path, requests: list[GenerationRequest], slots: int) -> tuple[float, float]:
    """The same for `model.generate` over batches of `slots`, each as long as its longest request."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, padding_side="left")
    tokenizer.pad_token = "!"
    model = LlamaForCausalLM.from_pretrained(folder).eval()
    start = clocks()
    for first in range(0, len(requests), slots):
        batch = requests[first : first + slots]
        inputs = tokenizer(
            [request.question.problem for request in batch],
            return_tensors="pt",
            padding=True,
            return_token_type_ids=False,
        )
        length = max(request.max_new_tokens for request in batch)
        model.generate(
            **inputs,
            do_sample=True,
            temperature=0.7,
            top_k=30,
            top_p=0.9,
            max_new_tokens=length,
            min_new_tokens=length,
            pad_token_id=tokenizer.pad_token_id,
        )
    return since(start)


def clocks() -> tuple[float, float]:
    """Wall clock and CPU time of this process: the second is the steadier one on a busy machine."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float]) -> tuple[float, float]:
    """What both clocks have moved since `start`."""
    wall, cpu = clocks()
    return wall - start[0], cpu - start[1]


if __name__ == "__main__":
    main()
