"""What a fine-tuned ledger policy has learnt, computed and not sampled: every right solution of a problem is known.

For each held-out problem the probability of each right solution under a policy is one forward. With r = 1 on wholly
right solutions and 0 on all others, the target reference(y) exp(r / beta) / Z is known on each of them as well, since
Z = 1 - m + m exp(1 / beta) with m the reference's probability of being right. So these are exact:

* `tv`, the total variation to the target over the outcomes {each right solution, anything else};
* `tv_above`, which no total variation over single solutions can exceed: `tv` and the smaller of both chances of
  anything else;
* `tv_among_right`, the same given that the solution is right;
* `pass@1`, `pass@8` and `pass@16` of wholly right solutions, the expected number of `distinct` right ones among 16,
  and `coverage`, the share that this is of all right ones.

A right solution written in other tokens than the tokenizer's own counts as anything else.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from omega_fast.backends.policy_identity import end_ids
from omega_fast.gflownet_api import train_gflownet
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.models.prm_checkpoint import load_causal, load_tokenizer
from omega_fast.models.step_logits import pad_sequences
from omega_fast.records import Question
from omega_fast.tasks.ledger import LedgerConfig, questions, right_solutions

__all__ = [
    "BETA",
    "FACTORS",
    "METHODS",
    "Exact",
    "exact_log_probs",
    "held_out",
    "judged",
    "learnt_on",
    "trained",
]

PROBLEMS = LedgerConfig(operations=(3, 4))
EXACT_SCORER = "omega_fast.tasks.ledger.exact_scorer:exact_scorer"
BETA = 0.25
SAMPLES = 16

_COMMON: Mapping[str, Any] = {
    "prm": EXACT_SCORER,
    "aggregation": "min",
    "beta": BETA,
    "lora_rank": 0,
    "learning_rate": 3e-4,
    "scheduler": "linear",
    "prompts": 4,
    "samples": 8,
    "updates": 60,
    "max_new_tokens": 96,
    "micro_batch": 64,
    "device": "cpu",
    "threads": 1,
    "save_every": 1000,
}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "vargrad": {"objective": "vargrad"},
    "step-subtb": {"objective": "subtb", "level": "step"},
    "sft": {"objective": "sft"},
    "grpo": {"objective": "grpo"},
}
"""What is compared at equal samples."""

FACTORS: Mapping[str, Mapping[str, Any]] = {
    "token-subtb": {"objective": "subtb", "level": "token"},
    "outcome alone": {"objective": "vargrad", "prm": None, "judge": "outcome"},
    "replay": {"objective": "vargrad", "replay": 4},
    "reinforce": {"objective": "reinforce"},
    "grpo-kl": {"objective": "grpo", "kl": BETA},
}
"""One thing changed of VarGrad or step-SubTB; a trained reward model is named by whoever has one."""


def learnt_on(n: int = 48) -> list[Question]:
    """The problems that are trained on."""
    return list(questions(PROBLEMS, n, 0, "train"))


def held_out(n: int = 40) -> list[Question]:
    """The problems that figures are of."""
    return list(questions(PROBLEMS, n, 0, "test"))


def trained(folder: Path, seed: int, settings: Mapping[str, Any], **more: Any) -> Path:
    """A policy of one of `METHODS` or `FACTORS`; one that is there already is not trained again."""
    given = {**_COMMON, **settings, **more}
    return train_gflownet(learnt_on(), folder, seed=seed, **given).folder


@dataclass(frozen=True, slots=True)
class Exact:
    """Figures of one policy, means over problems."""

    figures: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.figures[name]


@torch.inference_mode()
def exact_log_probs(place: Path, asked: Sequence[Question]) -> list[list[float]]:
    """For each problem the log-probability of each right solution with its end, in the order of `right_solutions`."""
    network, tokenizer = load_causal(str(place)).eval(), load_tokenizer(str(place))
    (end,) = end_ids(network.config, network.generation_config, tokenizer)
    found: list[list[float]] = []
    for question in asked:
        prompt = tokenizer(f"{question.problem}\n")["input_ids"]
        own = [
            tokenizer("".join(lines), add_special_tokens=False)["input_ids"]
            for lines in right_solutions(question.problem)
        ]
        ids, mask = pad_sequences([[*prompt, *each, end] for each in own])
        told = network(input_ids=ids, attention_mask=mask).logits.float().log_softmax(-1)
        each = told[:, :-1].gather(2, ids[:, 1:, None])[..., 0].double()
        inside = (torch.arange(1, ids.shape[1]) >= len(prompt)) & mask[:, 1:].bool()
        found.append((each * inside).sum(1).tolist())
    return found


def judged(place: Path, asked: Sequence[Question], *, beta: float = BETA) -> Exact:
    """The figures of a policy against the target that the shipped policy is the reference of."""
    rows = [
        _of_problem(own, reference, beta)
        for own, reference in zip(exact_log_probs(place, asked), _reference(asked), strict=True)
    ]
    return Exact({name: statistics.fmean(row[name] for row in rows) for name in rows[0]})


def _of_problem(own: Sequence[float], reference: Sequence[float], beta: float) -> dict[str, float]:
    p, then = [math.exp(each) for each in own], [math.exp(each) for each in reference]
    mass, before = math.fsum(p), math.fsum(then)
    z = 1 - before + before * math.exp(1 / beta)
    target = [each * math.exp(1 / beta) / z for each in then]
    wanted = math.fsum(target)
    tv = (math.fsum(abs(a - b) for a, b in zip(p, target, strict=True)) + abs(mass - wanted)) / 2
    among = math.fsum(abs(a / mass - b / wanted) for a, b in zip(p, target, strict=True)) / 2
    distinct = math.fsum(1 - (1 - min(1.0, each)) ** SAMPLES for each in p)
    return {
        "tv": tv,
        "tv_above": tv + min(1 - mass, 1 - wanted),
        "tv_among_right": among,
        "pass@1": mass,
        "pass@8": 1 - max(0.0, 1 - mass) ** 8,
        "pass@16": 1 - max(0.0, 1 - mass) ** 16,
        "distinct": distinct,
        "coverage": distinct / len(p),
        "right_solutions": float(len(p)),
    }


_KNOWN: dict[tuple[str, ...], list[list[float]]] = {}


def _reference(asked: Sequence[Question]) -> list[list[float]]:
    key = tuple(each.problem for each in asked)
    if key not in _KNOWN:
        _KNOWN[key] = exact_log_probs(ASSETS, asked)
    return _KNOWN[key]
