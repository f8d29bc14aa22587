"""Trains the tiny policy from nothing and writes its folder and figures.

Run as `python -m omega_fast.models.ledger_policy.train`. Two phases. In the first, clean demonstrations with
a curriculum over length teach the arithmetic. In the second, demonstrations that slip and fall into traps
(`SlipRates`) make the policy err at known rates and at all positions. Hidden matrices are trained by Muon,
the rest by AdamW. Muon came with torch 2.9.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from omega_fast.models.ledger_policy.examples import Example, batches_by_length, collate
from omega_fast.models.ledger_policy.folder import write_policy, write_provenance
from omega_fast.models.ledger_policy.location import ASSETS
from omega_fast.models.ledger_policy.measure import measure
from omega_fast.models.ledger_policy.policy import LedgerPolicy
from omega_fast.models.ledger_policy.recipe import Phase, TrainingConfig
from omega_fast.models.ledger_policy.tokenizer import VOCABULARY_SIZE, build_tokenizer
from omega_fast.tasks.ledger.draws import stream

__all__ = ["train"]


def train(config: TrainingConfig) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The policy and its tokenizer. Progress goes to stderr."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    tokenizer = build_tokenizer(config.seed)
    model = _model(config, tokenizer)
    for number in range(len(config.phases)):
        _train_phase(model, tokenizer, config, number)
    model.eval()  # type: ignore[no-untyped-call]
    return model, tokenizer


def _model(config: TrainingConfig, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    model = LlamaForCausalLM(  # type: ignore[no-untyped-call]
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
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        temperature=1.0,
        max_new_tokens=LedgerPolicy.max_new_tokens,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return model


def _train_phase(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, config: TrainingConfig, number: int
) -> None:
    phase = config.phases[number]
    rng = stream(config.seed, number)
    batches = batches_by_length(tokenizer, config, number, rng)
    optimizers = _optimizers(model, phase)
    peaks = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    start, running = time.monotonic(), 0.0
    for step in range(phase.steps):
        progress = step / phase.steps
        scale = min(1.0, (step + 1) / phase.warmup, (1 - progress) / phase.decay)
        for group, peak in zip((g for o in optimizers for g in o.param_groups), peaks, strict=True):
            group["lr"] = peak * scale
        share = min(1.0, phase.shortest + 2 * progress * (1 - phase.shortest))
        known = max(1, int(share * len(batches)))
        loss = _loss(model, batches[max(rng.randrange(known), rng.randrange(known))])
        model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        running += (float(loss.detach()) - running) / min(step + 1, 100)
        if (step + 1) % 100 == 0:
            seconds = time.monotonic() - start
            _say(f"phase {number + 1} step {step + 1}/{phase.steps} loss {running:.4f} {seconds:.0f} s")


def _optimizers(model: LlamaForCausalLM, phase: Phase) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings and norms."""
    hidden = {name for name, weight in model.named_parameters() if weight.ndim == 2 and ".layers." in name}
    named = dict(model.named_parameters())
    return [
        torch.optim.Muon(
            [named[name] for name in named if name in hidden], lr=phase.muon_rate, weight_decay=0.0
        ),
        torch.optim.AdamW(
            [named[name] for name in named if name not in hidden],
            lr=phase.adamw_rate,
            betas=(0.9, 0.95),
            weight_decay=0.0,
        ),
    ]


def _loss(model: LlamaForCausalLM, batch: list[Example]) -> Tensor:
    """Mean cross-entropy, in nats, of the solutions' tokens; prompts and padding carry no loss."""
    ids, in_solution = collate(batch)
    targets = in_solution[:, 1:]
    states = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    return functional.cross_entropy(model.lm_head(states[targets]), ids[:, 1:][targets])


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def _main() -> None:
    parser = argparse.ArgumentParser(description="train the tiny ledger policy from nothing")
    parser.add_argument("--out", type=Path, default=ASSETS, help="folder to write the policy to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    config = TrainingConfig(seed=arguments.seed, threads=arguments.threads)
    start = time.monotonic()
    model, tokenizer = train(config)
    seconds = round(time.monotonic() - start)
    write_policy(arguments.out, model, tokenizer)
    figures = dict(measure(LedgerPolicy(arguments.out), config.problems))
    write_provenance(
        arguments.out,
        {
            "settings": asdict(config),
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "training_seconds": seconds,
            "torch": torch.__version__,
            "figures": figures,
        },
    )
    for name, value in figures.items():
        sys.stdout.write(f"{name}={value:.4g}\n")
    _say(f"wrote {arguments.out}")


if __name__ == "__main__":
    _main()
