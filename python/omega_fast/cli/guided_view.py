"""How guided search looks: its figures, its candidates, and the lines it follows while it runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from omega_fast.cli.outcome import pairs, plain
from omega_fast.guided_summary import GuidedProgress, GuidedSummary, Line, Solved, SolvedCandidate
from omega_fast.wording import counted

__all__ = ["figures_view", "live_view", "progress_line", "solved_view"]

_CHOICES = {"naive": "highest score", "majority": "majority vote", "weighted": "votes weighted with scores"}
_MOST_CANDIDATES = 10


def figures_view(found: GuidedSummary) -> RenderableType:
    """Accuracy by each way of choosing, and what it took."""
    results = found.results
    table = Table(box=None, pad_edge=False)
    for at, name in enumerate(("answer by", "% right", "95 % interval")):
        table.add_column(name, justify="right" if at else "left")
    for name, each in results.get("accuracy", {}).items():
        table.add_row(*_figure(_CHOICES[name], each))
    for name, title in (("any", "any candidate"), ("any_wholly_right", "any without a wrong step")):
        if name in results:
            table.add_row(*_figure(title, results[name]))
    rows: list[tuple[str, object]] = [
        ("method", found.method),
        ("scorer", found.scorer or "none"),
        ("questions", f"{found.finished:,} of {found.questions:,}"),
        ("tokens a question", results.get("tokens_a_question", 0.0)),
        ("candidates a question", results.get("candidates_a_question", 0.0)),
    ]
    if "distinct_right" in results:
        rows.append(("different right solutions a question", results["distinct_right"]))
    rows += [
        ("scorer calls in this start", f"{found.calls:,} for {counted(found.scored, 'candidate')}"),
        ("files", str(found.output)),
        ("seconds", found.seconds),
    ]
    return Group(*([table] if results.get("accuracy") else []), pairs(rows))


def _figure(title: str, each: Mapping[str, Any]) -> tuple[Text, Text, Text]:
    interval = f"{100 * each['low']:.1f} to {100 * each['high']:.1f}"
    return plain(title), plain(f"{100 * each['value']:.1f}"), plain(interval)


def solved_view(found: Solved) -> RenderableType:
    """The chosen solution step by step with scores, and the best of the other candidates."""
    if found.best is None:
        return pairs([("solution", "none was finished"), ("tokens", found.tokens)])
    steps = Table(box=None, pad_edge=False, show_header=False)
    scores = found.best.scores
    aligned = scores if scores is not None and len(scores) == len(found.best.steps) else ()
    for at, step in enumerate(found.best.steps):
        steps.add_row(plain(f"{aligned[at]:.3f}" if aligned else "-"), plain(step.rstrip()))
    others = Table("score", "times", "answer", "steps", box=None, pad_edge=False)
    times = Counter(each.text for each in found.candidates)
    ranked = sorted(
        {each.text: each for each in found.candidates}.values(),
        key=lambda each: -math.inf if each.score is None else each.score,
        reverse=True,
    )
    for each in ranked[:_MOST_CANDIDATES]:
        score = "-" if each.score is None else f"{each.score:.3f}"
        others.add_row(*map(plain, (score, times[each.text], each.answer or "none", len(each.steps))))
    agree = [(_CHOICES[name], _answer(found.candidates[at])) for name, at in found.by.items()]
    return Group(
        steps,
        pairs([("shown is", _why_shown(found)), ("its answer", _answer(found.best))]),
        pairs(agree, title="\nanswers by"),
        others,
        pairs([("candidates", len(found.candidates)), ("tokens", found.tokens), ("cut off", found.cut)]),
    )


def _why_shown(found: Solved) -> str:
    """Which candidate the printed solution is, and why that one."""
    has_scores = any(each.score is not None for each in found.candidates)
    if not any(each.answer for each in found.candidates):
        which = "the candidate with the highest score" if has_scores else "the first candidate"
        return f"{which}: none of {counted(len(found.candidates), 'candidate')} has an answer to vote for"
    if not has_scores:
        return "the first candidate with an answer: without scores votes weigh nothing"
    return f"what {_CHOICES['weighted']} choose"


def _answer(candidate: SolvedCandidate) -> str:
    if candidate.answer:
        return candidate.answer
    return "none" if candidate.score is None else f"none, at score {candidate.score:.3f}"


def progress_line(progress: GuidedProgress) -> str:
    """How far it is, in a line."""
    return (
        f"{progress.seconds:8.0f} s  {progress.done:,} of {counted(progress.total, 'question')}  "
        f"{counted(progress.draws, 'draw')}  "
        f"{counted(progress.tokens, 'token')}  {progress.scored:,} scored in {counted(progress.calls, 'call')}  "
        f"{progress.in_flight:,} in flight"
    )


def live_view(progress: GuidedProgress) -> Iterator[RenderableType]:
    """Counts, and the best lines where one question is searched."""
    yield plain(progress_line(progress).strip())
    if progress.best:
        table = Table("score", "steps", "", "last step", box=None, pad_edge=False)
        for line in progress.best:
            table.add_row(*_line(line))
        yield table


def _line(line: Line) -> tuple[Text, Text, Text, Text]:
    score = "-" if line.score is None else f"{line.score:.3f}"
    last = " ".join(line.steps[-1].split()) if line.steps else ""
    return plain(score), plain(len(line.steps)), plain("done" if line.finished else ""), plain(last[:100])
