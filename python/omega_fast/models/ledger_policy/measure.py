"""Prints what the shipped policy can do, one `name=value` a line.

Run as `python -m omega_fast.models.ledger_policy.measure`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch

from omega_fast.models.ledger_policy.location import ASSETS
from omega_fast.models.ledger_policy.policy import LedgerPolicy
from omega_fast.records import Question
from omega_fast.tasks.ledger.generator import LedgerConfig
from omega_fast.tasks.ledger.questions import questions
from omega_fast.tasks.ledger.truth import first_error

__all__ = ["auroc", "measure"]

_SAMPLES = 64
_ROLLOUTS = 8


def measure(
    policy: LedgerPolicy, config: LedgerConfig, *, n: int = 500, per_length: int = 40
) -> Iterator[tuple[str, float]]:
    """Names and values of the figures, as they are ready.

    Args:
        policy: The policy.
        config: The problems, from the test split.
        n: Problems for the accuracies; a fifth of them for the values of prefixes.
        per_length: Problems of each length for the figures over 64 samples.
    """
    drawn = list(questions(config, n, seed=0, split="test"))
    for temperature in (1.0, 0.0):
        yield from _accuracies(policy, drawn, temperature)
    yield from _prefix_values(policy, drawn[: n // 5])
    fewest, most = config.operations
    for operations in range(fewest, most + 1):
        fixed = replace(config, operations=(operations, operations))
        yield from _votes(policy, list(questions(fixed, per_length, seed=0, split="test")), operations)


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The probability that a positive scores above a negative, ties counted half; nan if either is empty."""
    if not positive or not negative:
        return float("nan")
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def _is_right(question: Question, lines: Sequence[str]) -> bool:
    return bool(lines) and lines[-1] == f"answer {question.answer}\n"


def _accuracies(
    policy: LedgerPolicy, drawn: Sequence[Question], temperature: float
) -> Iterator[tuple[str, float]]:
    solutions = policy.continue_all([(q.problem, ()) for q in drawn], temperature=temperature)
    right = [_is_right(q, lines) for q, lines in zip(drawn, solutions, strict=True)]
    errors = [first_error(q.problem, lines) for q, lines in zip(drawn, solutions, strict=True)]
    at = f"_at_T{temperature:g}"
    yield f"right_answers{at}", mean(right)
    yield f"wholly_right{at}", mean(error == -1 for error in errors)
    yield f"lucky_right_answers{at}", mean(r and error != -1 for r, error in zip(right, errors, strict=True))
    if temperature:
        yield (
            "tokens_per_solution",
            mean(
                len(policy.tokenizer("".join(lines), add_special_tokens=False)["input_ids"])
                for lines in solutions
            ),
        )
        for line, number in sorted(Counter(error for error in errors if error >= 0).items()):
            yield f"first_errors_at_line_{line + 1}", number


def _prefix_values(policy: LedgerPolicy, drawn: Sequence[Question]) -> Iterator[tuple[str, float]]:
    """How well MC(8), the share of right answers among 8 continuations, tells right prefixes from wrong."""
    solutions = policy.continue_all([(q.problem, ()) for q in drawn], seed=1)
    prefixes: list[tuple[Question, Sequence[str]]] = []
    is_right: list[bool] = []
    for question, lines in zip(drawn, solutions, strict=True):
        error = first_error(question.problem, lines)
        for length in range(1, len(lines)):
            prefixes.append((question, lines[:length]))
            is_right.append(error == -1 or length <= error)
    rollouts = policy.continue_all(
        [(q.problem, steps) for q, steps in prefixes for _ in range(_ROLLOUTS)], seed=2
    )
    values = [
        mean(_is_right(q, rollout) for rollout in rollouts[i * _ROLLOUTS : (i + 1) * _ROLLOUTS])
        for i, (q, _) in enumerate(prefixes)
    ]
    of_right = [value for value, right in zip(values, is_right, strict=True) if right]
    of_wrong = [value for value, right in zip(values, is_right, strict=True) if not right]
    yield "prefixes", len(values)
    yield "auroc_of_mc8", auroc(of_right, of_wrong)
    yield "mean_mc8_of_right_prefixes", mean(of_right)
    yield "mean_mc8_of_wrong_prefixes", mean(of_wrong)


def _votes(policy: LedgerPolicy, drawn: Sequence[Question], operations: int) -> Iterator[tuple[str, float]]:
    """Majority of 64 answers against any wholly right solution among them."""
    solutions = policy.continue_all([(q.problem, ()) for q in drawn for _ in range(_SAMPLES)], seed=3)
    single: list[float] = []
    majority: list[bool] = []
    any_right: list[bool] = []
    for i, question in enumerate(drawn):
        samples = solutions[i * _SAMPLES : (i + 1) * _SAMPLES]
        answers = Counter(lines[-1] if lines else "" for lines in samples)
        single.append(mean(_is_right(question, lines) for lines in samples))
        majority.append(answers.most_common(1)[0][0] == f"answer {question.answer}\n")
        any_right.append(any(first_error(question.problem, lines) == -1 for lines in samples))
    yield f"single_with_{operations}_operations", mean(single)
    yield f"majority64_with_{operations}_operations", mean(majority)
    yield f"any_wholly_right64_with_{operations}_operations", mean(any_right)


def _main() -> None:
    parser = argparse.ArgumentParser(description="measure the tiny ledger policy on the test split")
    parser.add_argument("--policy", type=Path, default=ASSETS, help="folder of the policy")
    parser.add_argument("--n", type=int, default=500, help="problems for the accuracies")
    parser.add_argument("--per-length", type=int, default=40, help="problems of each length for the votes")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    policy = LedgerPolicy(arguments.policy)
    for name, value in measure(policy, LedgerConfig(), n=arguments.n, per_length=arguments.per_length):
        sys.stdout.write(f"{name}={value:.4g}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
