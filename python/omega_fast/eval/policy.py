"""What a policy is worth on questions: accuracy and diversity, with intervals over seeds and over questions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from omega_fast.eval.best_of_n import pass_at_k
from omega_fast.eval.diversity import coverage, distinct_at_k, mean_pairwise_distance
from omega_fast.eval.intervals import Estimate, mean_of, over_seeds

__all__ = [
    "Drawn",
    "Figures",
    "bounds_of",
    "compared",
    "drawn_figures",
    "label_of",
    "policy_figures",
    "sizes_up_to",
    "table",
]

Figures = Mapping[str, float | None]
"""A number by the figure's name; `None` where it cannot be told."""


_SHARES = ("pass@", "wholly@", "coverage@", "distance", "right_mass", "tv_to_target")
"""Figures that cannot exceed 1; no figure is below 0."""

_COUNTS = ("distinct@", "wholly_distinct@")
"""Figures that cannot exceed the number behind the @."""

_NO_SPREAD = 1e-9
"""Values that differ by less are the same but for rounding."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The samples of one question under one policy and one seed.

    Attributes:
        texts: Each sample as drawn.
        right: Whether its answer is right.
        wholly: Whether, beyond that, no step of it is wrong; `None` where the task cannot tell.
        modes: How many wholly right solutions there are; `None` where they cannot be counted.
    """

    texts: tuple[str, ...]
    right: tuple[bool, ...]
    wholly: tuple[bool, ...] | None = None
    modes: int | None = None


def sizes_up_to(n: int) -> list[int]:
    """1, 2, 4, ... and n itself: the k that are looked at.

    >>> sizes_up_to(6)
    [1, 2, 4, 6]
    """
    return [*(1 << bit for bit in range(n.bit_length()) if 1 << bit < n), n]


def drawn_figures(drawn: Drawn) -> dict[str, float | None]:
    """The figures of one question.

    `pass@k` a right answer among k samples; `distinct@k` different texts with a right answer; `wholly@1` the share of
    samples without a wrong step, `wholly_distinct@k` how many different ones, `coverage@k` the share of all there are;
    `distance` of two right samples. Texts that differ in white space at their ends are the same.
    """
    n = len(drawn.texts)
    right = Counter(text.strip() for text, is_right in zip(drawn.texts, drawn.right, strict=True) if is_right)
    found: dict[str, float | None] = {}
    sizes = sizes_up_to(n)
    found |= {f"pass@{k}": pass_at_k(n, sum(drawn.right), k) for k in sizes}
    found |= {f"distinct@{k}": distinct_at_k([*right.values()], n, k) for k in sizes}
    if drawn.wholly is not None:
        exact = Counter(
            text.strip() for text, is_right in zip(drawn.texts, drawn.wholly, strict=True) if is_right
        )
        found["wholly@1"] = sum(drawn.wholly) / n
        found |= {f"wholly_distinct@{k}": distinct_at_k([*exact.values()], n, k) for k in sizes}
        if drawn.modes:
            found |= {f"coverage@{k}": coverage([*exact.values()], n, k, drawn.modes) for k in sizes}
    found["distance"] = mean_pairwise_distance([*right.elements()])
    return found


def policy_figures(runs: Sequence[Sequence[Figures]]) -> dict[str, dict[str, Any]]:
    """Each figure of a policy, with intervals.

    Args:
        runs: For each run, which differ in their seed alone, the figures of each question, in the same order.

    Returns:
        By figure: `value`, the mean; `over_seeds` and `over_questions`, 95 % intervals by Student's t over the runs'
        means, and over the questions' means by Wilson's formula, or Student's t for a figure without an upper limit
        (`None` where one value alone, or values that are all the same, say nothing); `by_run`; `questions`, those that
        have it in some run.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for run in runs for row in run for name in row):
        by_run = [_mean(row.get(name) for row in run) for run in runs]
        told = [each for each in by_run if each is not None]
        questions = [mean for mean in _by_question(runs, name) if mean is not None]
        if not told:
            continue
        found[name] = {
            "value": fmean(told),
            "over_seeds": _possible(name, _bounds(over_seeds(told))),
            "over_questions": _over_questions(questions, _most(name)),
            "by_run": by_run,
            "questions": len(questions),
        }
    return found


def compared(
    runs: Sequence[Sequence[Figures]], baseline: Sequence[Sequence[Figures]]
) -> dict[str, dict[str, Any]]:
    """How much more of each figure a policy has than another on equal questions.

    Args:
        runs: Of the policy, as `policy_figures` takes them.
        baseline: Of the other one, over the same questions in the same order.

    Returns:
        By figure: the mean difference over the questions that have it under both, with Student's t interval over
        questions, which are paired (`None` where all differ by the same); and with as many runs of each, over the runs'
        differences.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for run in runs for row in run for name in row):
        pairs = zip(_by_question(runs, name), _by_question(baseline, name), strict=True)
        differences = [ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None]
        if not differences:
            continue
        paired = _run_differences(runs, baseline, name) if len(runs) == len(baseline) else []
        found[name] = {
            "value": fmean(differences),
            "over_seeds": _bounds(over_seeds(paired)) if paired else None,
            "over_questions": _over_questions(differences, math.inf),
            "questions": len(differences),
        }
    return found


def table(figures: Mapping[str, Mapping[str, Mapping[str, Any]]], names: Sequence[str]) -> str:
    """The figures of several policies as a Markdown table: a line a figure, a column a policy.

    Args:
        figures: By policy, what `policy_figures` or `compared` gives.
        names: The figures wanted, in order; those that no policy has are left out.
    """
    columns = list(figures)
    lines = [
        f"| figure | {' | '.join(each.replace('|', '/') for each in columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for name in names:
        cells = [figures[each].get(name) for each in columns]
        if any(cell is not None for cell in cells):
            lines.append(f"| {label_of(name)} | {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines) + "\n"


def label_of(name: str) -> str:
    """A figure's name as it is shown, with its unit if it has one.

    >>> label_of("entropy_per_step"), label_of("pass@4")
    ('entropy_per_step (nats)', 'pass@4')
    """
    return f"{name} (nats)" if name.startswith("entropy") else name


def bounds_of(figure: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The interval to show: over seeds, or over questions where seeds make no difference or there is but one."""
    seeds: Mapping[str, Any] | None = figure["over_seeds"]
    if seeds is not None and seeds["high"] - seeds["low"] > _NO_SPREAD:
        return seeds
    questions: Mapping[str, Any] | None = figure["over_questions"]
    return questions


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return "-"
    bounds = bounds_of(cell)
    told = f"{cell['value']:.3f}"
    return told if bounds is None else f"{told} ({bounds['low']:.3f} to {bounds['high']:.3f})"


def _by_question(runs: Sequence[Sequence[Figures]], name: str) -> list[float | None]:
    return [_mean(row.get(name) for row in rows) for rows in zip(*runs, strict=True)]


def _run_differences(
    runs: Sequence[Sequence[Figures]], baseline: Sequence[Sequence[Figures]], name: str
) -> list[float]:
    """The mean difference of each pair of runs, over the questions that have the figure in both."""
    found = []
    for ours, theirs in zip(runs, baseline, strict=True):
        both = [(a.get(name), b.get(name)) for a, b in zip(ours, theirs, strict=True)]
        told = [a - b for a, b in both if a is not None and b is not None]
        found += [fmean(told)] if told else []
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return fmean(told) if told else None


def _most(name: str) -> float:
    """What a figure cannot exceed."""
    if name.startswith(_SHARES):
        return 1.0
    return float(name.partition("@")[2]) if name.startswith(_COUNTS) else math.inf


def _possible(name: str, bounds: dict[str, Any] | None) -> dict[str, Any] | None:
    """The part of an interval in which the figure can lie: Student's t over few seeds reaches beyond."""
    if bounds is None:
        return None
    return {**bounds, "low": max(0.0, bounds["low"]), "high": min(_most(name), bounds["high"])}


def _over_questions(values: Sequence[float], most: float) -> dict[str, Any] | None:
    """The interval over questions; `None` where the values say nothing about others."""
    if not values:
        return None
    if math.isfinite(most):
        return _bounds(mean_of(values, most))
    return None if max(values) - min(values) <= _NO_SPREAD else _bounds(over_seeds(values))


def _bounds(estimate: Estimate) -> dict[str, Any] | None:
    """The interval; `None` where it has no finite bounds."""
    if not math.isfinite(estimate.low):
        return None
    return {"low": estimate.low, "high": estimate.high, "n": estimate.n}
