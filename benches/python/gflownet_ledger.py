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
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ledger_steps import written
from omega_fast.backends.policy_identity import end_ids
from omega_fast.backends.prompts import PromptTemplate
from omega_fast.backends.shared_sampler import SharedSampler
from omega_fast.errors import OmegaError
from omega_fast.eval.intervals import over_seeds
from omega_fast.gflownet_api import train_gflownet
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.models.prm_checkpoint import load_causal, load_tokenizer
from omega_fast.models.step_logits import pad_sequences
from omega_fast.records import Question
from omega_fast.store.formats.labelled import labelled
from omega_fast.tasks.ledger import LedgerConfig, questions, right_solutions
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config

__all__ = [
    "BETA",
    "FACTORS",
    "METHODS",
    "Exact",
    "exact_log_probs",
    "held_out",
    "judged",
    "learnt_on",
    "ledger_claims",
    "trained",
    "trained_prm",
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


def trained_prm(folder: Path, n: int = 100) -> str:
    """A probe on the policy's own solutions of train problems, four of each, labelled up to the first wrong step."""
    rows = [
        labelled(each.problem, steps, [at < each.wrong_from for at in range(len(steps))])
        for each in written(n, 4, "train")
        if (steps := each.steps[: each.wrong_from + 1])
    ]
    settings = {"validation": 0.0, "threads": 1, "device": "cpu", "batch_size": 32, "log_every": 50}
    run_training(rows, prm_config(head="probe", labels="hard", **settings), folder)
    return str(folder)


def ledger_claims(claim: Callable[..., None], folder: Path, *, seeds: Sequence[int] = (0, 1, 2)) -> None:
    """Must show 2, 3 and 5: trains what is not in `folder` yet, a minute or two each on one core."""
    torch.set_num_threads(1)
    asked = held_out()
    before = judged(ASSETS, asked)
    claim(
        "2.0", before["tv"], None, "exact TV to the target before, over {each right solution, anything else}"
    )
    found = {
        name: [judged(trained(folder / f"{name}-{seed}", seed, settings), asked) for seed in seeds]
        for name, settings in METHODS.items()
    }
    for number, (name, each) in enumerate(found.items(), 1):
        for figure in before.figures:
            if figure != "right_solutions":
                told = over_seeds([one[figure] for one in each])
                claim(f"2.{number} {name}", told.value, None, f"{figure} {before[figure]:.3f} before; {told}")
    means = {name: statistics.fmean(one["tv"] for one in each) for name, each in found.items()}
    others = min(value for name, value in means.items() if name != "vargrad")
    claim("2a", means["vargrad"], before["tv"], "VarGrad's TV to the target, less than before", operator.lt)
    claim("2b", means["vargrad"], others, "and than every other method's at equal samples", operator.lt)
    changed = {**FACTORS, "trained reward model": {"prm": trained_prm(folder / "prm"), "aggregation": None}}
    for name, settings in changed.items():
        one = judged(trained(folder / name.replace(" ", "-"), 0, settings), asked)
        claim(
            f"2 {name}",
            one["tv"],
            None,
            ", ".join(f"{key} {value:.3f}" for key, value in one.figures.items()),
        )
    _fresh(claim, folder)
    _faults(claim, folder)


class _OfOldWeights(SharedSampler):
    """Samples with the weights that it began with."""

    def __init__(self, module: Any, tokenizer: Any, sampling: Any) -> None:
        template = PromptTemplate(style="plain", text="{problem}\n")
        super().__init__(deepcopy(module.plain), tokenizer, template, sampling)


def _fresh(claim: Callable[..., None], folder: Path) -> None:
    few = {"objective": "vargrad", "updates": 5}
    given = {**_COMMON, **few}
    done = train_gflownet(learnt_on(), folder / "fresh", **given)
    worst = max(entry["engine_off"] for entry in done.record["log"])
    claim("3a", worst, 0.001, "largest difference of a token's log-probability, 5 updates", operator.le)
    try:
        train_gflownet(learnt_on(), None, make_sampler=_OfOldWeights, **given)
        claim("3b", 0, 1, "engines with old weights that are caught")
    except OmegaError as error:
        claim("3b", 1, 1, f"engines with old weights that are caught: {error}")


class _Always:
    """Gives every step one score."""

    def __init__(self, score: float) -> None:
        self._score = score

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """The score, step by step."""
        return [[self._score] * len(steps) for _, steps in solutions]


def _faults(claim: Callable[..., None], folder: Path) -> None:
    few = {**_COMMON, "updates": 3, "samples": 4, "aggregation": None}
    for score in (0.0, 1.0):
        told = train_gflownet(
            learnt_on(), folder / f"always-{score:g}", **{**few, "prm": _Always(score), "reward": "product"}
        ).record
        claim(
            "5a",
            told["faults"].get("flat", 0),
            1,
            f"groups worth the same where a PRM says {score:g}",
            operator.ge,
        )
        losses = [entry["loss"] for entry in told["log"]]
        claim("5b", all(map(math.isfinite, losses)), True, "and every loss is a number")
    try:
        train_gflownet(learnt_on(), None, **{**few, "prm": _Always(math.nan)})
        claim("5c", "went on", "stopped", "a PRM that gives NaN alone")
    except OmegaError as error:
        claim("5c", "stopped", "stopped", f"a PRM that gives NaN alone: {error}")
    cold = train_gflownet(
        learnt_on(), folder / "cold", **{**few, "temperature": 0.05, "collapse": 0.5, "collapse_patience": 2}
    ).record
    claim(
        "5d",
        cold["faults"].get("collapsed", 0),
        1,
        "updates of collapsed diversity that are told",
        operator.ge,
    )


_KNOWN: dict[tuple[str, ...], list[list[float]]] = {}


def _reference(asked: Sequence[Question]) -> list[list[float]]:
    key = tuple(each.problem for each in asked)
    if key not in _KNOWN:
        _KNOWN[key] = exact_log_probs(ASSETS, asked)
    return _KNOWN[key]
