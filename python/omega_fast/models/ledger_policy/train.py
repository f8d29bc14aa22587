"""Trains the tiny policy from nothing and writes the assets: `python -m omega_fast.models.ledger_policy.train`.

Two phases. In the first, clean demonstrations with a curriculum over length teach the arithmetic. In the second,
demonstrations that slip and fall into traps (`SlipRates`) make the policy err at known rates and at all positions.
Hidden matrices are trained by Muon, the rest by AdamW.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from omega_fast.models.ledger_policy.tokenizer import VOCABULARY_SIZE, build_tokenizer
from omega_fast.tasks.ledger.demonstrations import CLEAN, SlipRates, demonstrate
from omega_fast.tasks.ledger.generate import LedgerConfig
from omega_fast.tasks.ledger.questions import problems
from omega_fast.tasks.ledger.text import render

__all__ = ["Phase", "TrainingConfig", "train"]

Example = tuple[list[int], int]
"""Token ids of prompt and solution, and the length of the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training on its own demonstrations.

    The learning rates rise over `warmup` steps and fall linearly to 0 over the last `decay` share of the steps. The
    curriculum starts with the shortest `shortest` share of the demonstrations and has all of them half-way through;
    1 switches it off.
    """

    rates: SlipRates
    steps: int
    demonstrations: int
    muon_rate: float
    adamw_rate: float
    decay: float
    shortest: float = 1.0
    warmup: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Everything the shipped policy depends on."""

    seed: int = 0
    threads: int = 2
    batch_size: int = 32
    hidden_size: int = 128
    layers: int = 4
    heads: int = 4
    head_size: int = 64
    mlp_size: int = 384
    rope_theta: float = 1000.0
    problems: LedgerConfig = LedgerConfig()
    phases: tuple[Phase, ...] = (
        Phase(
            rates=CLEAN,
            steps=3500,
            demonstrations=112_000,
            muon_rate=0.02,
            adamw_rate=3e-3,
            decay=0.4,
            shortest=0.1,
        ),
        Phase(
            rates=SlipRates(), steps=900, demonstrations=28_800, muon_rate=0.01, adamw_rate=1.5e-3, decay=1.0
        ),
    )


def train(config: TrainingConfig) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The policy and its tokenizer. Progress goes to stderr."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    tokenizer = build_tokenizer(config.seed)
    model = _model(config, tokenizer)
    for number, phase in enumerate(config.phases):
        _train_phase(model, tokenizer, config, phase, random.Random(f"{config.seed}/{number}"), number)
    return model.eval(), tokenizer


def _model(config: TrainingConfig, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY_SIZE,
            hidden_size=config.hidden_size,
            intermediate_size=config.mlp_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            head_dim=config.head_size,
            max_position_embeddings=tokenizer.model_max_length,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        max_new_tokens=128,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return model


def _train_phase(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    config: TrainingConfig,
    phase: Phase,
    rng: random.Random,
    number: int,
) -> None:
    examples = _examples(tokenizer, config, phase, rng, number)
    examples.sort(key=lambda example: len(example[0]))
    batches = [examples[i : i + config.batch_size] for i in range(0, len(examples), config.batch_size)]
    optimizers = _optimizers(model, phase)
    peaks = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    start, running = time.monotonic(), 0.0
    for step in range(phase.steps):
        progress = step / phase.steps
        scale = min(1.0, (step + 1) / phase.warmup, (1 - progress) / phase.decay)
        for group, peak in zip((g for o in optimizers for g in o.param_groups), peaks, strict=True):
            group["lr"] = peak * scale
        share = min(1.0, phase.shortest + 2 * progress * (1 - phase.shortest))
        loss = _loss(model, batches[rng.randrange(max(1, int(share * len(batches))))])
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        running += (float(loss.detach()) - running) / min(step + 1, 100)
        if (step + 1) % 100 == 0:
            seconds = time.monotonic() - start
            _say(f"phase {number} step {step + 1}/{phase.steps} loss {running:.4f} {seconds:.0f} s")


def _examples(
    tokenizer: PreTrainedTokenizerFast, config: TrainingConfig, phase: Phase, rng: random.Random, number: int
) -> list[Example]:
    """Demonstrations of the train split, as ids; each phase draws its own problems."""
    seed = config.seed * 1000 + number
    drawn = islice(problems(config.problems, seed, "train"), phase.demonstrations)
    texts = [(render(p) + "\n", "".join(demonstrate(p, phase.rates, rng))) for p in drawn]
    prompts = tokenizer([prompt for prompt, _ in texts])["input_ids"]
    solutions = tokenizer([solution for _, solution in texts], add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    return [([*p, *s, end], len(p)) for p, s in zip(prompts, solutions, strict=True)]


def _optimizers(model: LlamaForCausalLM, phase: Phase) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings and norms."""
    hidden = {name for name, weight in model.named_parameters() if weight.ndim == 2 and ".layers." in name}
    named = dict(model.named_parameters())
    return [
        torch.optim.Muon([named[name] for name in named if name in hidden], lr=phase.muon_rate, weight_decay=0.0),
        torch.optim.AdamW(
            [named[name] for name in named if name not in hidden],
            lr=phase.adamw_rate,
            betas=(0.9, 0.95),
            weight_decay=0.0,
        ),
    ]


def _loss(model: LlamaForCausalLM, batch: list[Example]) -> Tensor:
    """Mean cross-entropy, in nats, of the solutions' tokens; prompts and padding carry no loss."""
    length = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in batch])
    columns = torch.arange(1, length)
    starts = torch.tensor([start for _, start in batch])[:, None]
    ends = torch.tensor([len(row) for row, _ in batch])[:, None]
    in_solution = (columns >= starts) & (columns < ends)
    states = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    return functional.cross_entropy(model.lm_head(states[in_solution]), ids[:, 1:][in_solution])


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _main() -> None:
    parser = argparse.ArgumentParser(description="train the tiny ledger policy from nothing")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the policy to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    config = TrainingConfig(seed=arguments.seed, threads=arguments.threads)
    start = time.monotonic()
    model, tokenizer = train(config)
    model.save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)
    provenance = {
        "settings": asdict(config),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "seconds": round(time.monotonic() - start),
        "torch": torch.__version__,
    }
    (arguments.out / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
    _say(f"wrote {arguments.out}")


if __name__ == "__main__":
    _main()
