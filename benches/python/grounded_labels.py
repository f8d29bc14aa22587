"""Labels of ledger steps against exact truth at equal tokens: tool and judge, judge alone, Monte Carlo alone.

A label is of a prefix whose steps before the last are right, and says whether the last is; each prefix counts once.

Tokens are those that a policy writes, and those that a judge reads: problem and steps up to the one that is judged,
what it has read before not again, as engines with a prefix cache have it. Prompts of the policy are not counted,
neither of searches nor of Monte Carlo, whose tokens are all written; nor are a tool's queries. Of a judge that is no
model (`errs`) those are counted that the probe would read. What a judge reads that begins anew is told beside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from claims_omega_prm import claim
from omega_fast.grounded import search_job
from omega_fast.grounded.root_job import write_roots
from omega_fast.grounded.search_job import run_search
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.settings import GroundedSettings
from omega_fast.jobs.demo import demo
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.models.ledger_policy.judge import judge_tokenizer
from omega_fast.models.scorers.table import load_scorer
from omega_fast.records import StepScorer
from omega_fast.search.projection import read_artifacts
from omega_fast.summary import Proportion
from omega_fast.tasks.ledger import prefix_is_right
from omega_fast.tasks.ledger.draws import stream
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from omega_fast.verifiers.tools import Finding, ToolAnswer, open_tool
from omega_fast.verifiers.tools.ledger import LedgerTool

__all__ = ["compare", "compare_generative", "judge", "sampled"]

TRAINING: dict[str, Any] = {
    "validation": 0.0,
    "threads": 1,
    "device": "cpu",
    "batch_size": 32,
    "log_every": 50,
}
LEAST_BUDGET = 128
"""Tokens, so that a budget pays for one continuation."""
Prefixes = dict[tuple[str, tuple[str, ...]], bool]


class Counting:
    """A scorer that counts the tokens that it is given: `tokens` with a prefix cache, `anew` without one."""

    def __init__(self, scorer: StepScorer) -> None:
        self._scorer = scorer
        self._tokenizer = AutoTokenizer.from_pretrained(str(ASSETS))
        self._read: set[tuple[str, ...]] = set()
        self.tokens = self.anew = 0

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        for problem, steps in solutions:
            texts = (f"{problem}\n", *steps)
            for end, text in enumerate(texts, 1):
                count = len(self._tokenizer(text, add_special_tokens=False)["input_ids"])
                self.anew += count
                self.tokens += count * (texts[:end] not in self._read)
                self._read.add(texts[:end])
        return self._scorer.score_many(solutions)


class Criticising(Counting):
    """A generative judge, which writes a critique of each step on top of what it reads."""

    def __init__(self, scorer: StepScorer) -> None:
        super().__init__(scorer)
        self._judge_tokenizer = judge_tokenizer()
        self._judged: set[tuple[str, ...]] = set()

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        scores = super().score_many(solutions)
        for problem, steps in solutions:
            # They are known by now, and cost nothing a second time
            critiques = self._scorer.critiques(problem, steps)  # type: ignore[attr-defined]
            for end, critique in enumerate(critiques, 1):
                if (problem, *steps[:end]) not in self._judged:
                    self._judged.add((problem, *steps[:end]))
                    written = len(self._judge_tokenizer(critique, add_special_tokens=False)["input_ids"]) + 1
                    self.tokens += written
                    self.anew += written
        return scores


class Noisy:
    """Says of a step what is true, but for this share of steps the opposite; always the same of the same step."""

    def __init__(self, errs: float) -> None:
        self._errs = errs
        self._tool = LedgerTool()

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        return [
            [self._score(problem, steps[: end + 1]) for end in range(len(steps))]
            for problem, steps in solutions
        ]

    def _score(self, problem: str, steps: Sequence[str]) -> float:
        query = "\n".join((problem, *(step.removesuffix("\n") for step in steps)))
        right = self._tool.check(query).finding is Finding.RIGHT
        return float(right ^ (stream("noisy", query).random() < self._errs))


class Arithmetic(LedgerTool):
    """A tool that sees the sum on a line and not the problem: right if the sum is, whatever was to be done."""

    name = version = "arithmetic"

    def check(self, query: str) -> ToolAnswer:
        said = query.rpartition("\n")[2].split()
        if len(said) != 7 or not all(each.isdigit() for each in (said[2], said[4], said[6])):
            return ToolAnswer(Finding.CANNOT_SAY, "it is no sum")
        left, right, result = (int(said[at]) for at in (2, 4, 6))
        made = {"+": left + right, "-": left - right, "*": left * right}.get(said[3], result) % 10
        return ToolAnswer(Finding.RIGHT if made == result else Finding.WRONG, f"it is {made}")


JUDGES: list[Counting] = []


def judge() -> Counting:
    """The judge of the search under way."""
    return JUDGES[-1]


@dataclass(frozen=True)
class Arm:
    """What labels steps."""

    title: str
    tool: str | None
    judge: Callable[[], StepScorer] | None


def compare(folder: Path, problems: int, trained_on: int) -> None:
    """Print a line for each way of labelling."""
    torch.set_num_threads(1)
    demo(limit=trained_on, output=folder / "train", ledger_split="train")
    run_training(folder / "train", prm_config(**TRAINING, head="probe", labels="hard"), folder / "probe")
    probe = load_scorer(str(folder / "probe"))
    arms = (
        Arm("executor + probe", "ledger", lambda: probe),
        Arm("arithmetic tool + probe", "arithmetic", lambda: probe),
        Arm("probe alone", None, lambda: probe),
        Arm("executor + judge that errs in .1", "ledger", lambda: Noisy(0.1)),
        Arm("arithmetic tool + judge that errs in .1", "arithmetic", lambda: Noisy(0.1)),
        Arm("judge that errs in .1, alone", None, lambda: Noisy(0.1)),
        Arm("arithmetic tool + judge that errs in .3", "arithmetic", lambda: Noisy(0.3)),
        Arm("judge that errs in .3, alone", None, lambda: Noisy(0.3)),
        Arm("executor alone", "ledger", None),
        Arm("arithmetic tool alone", "arithmetic", None),
    )
    roots = write_roots("ledger", folder / "root.json", GroundedSettings(), most=problems, split="test").path
    spent = 0
    for number, arm in enumerate(arms):
        labels, tokens, anew = _searched(roots, folder / f"arm-{number}", arm)
        spent = spent or tokens
        beside = f"; {anew:,} if the judge reads all anew" if anew > tokens else ""
        _told(f"g8-{number}", f"{arm.title}, {problems} problems", labels, tokens, beside)
    for locate in ("binary", "bayes"):
        sampled(folder, locate, problems, spent)


def compare_generative(folder: Path, problems: int, trained: Path) -> None:
    """Print a line for the judge that the recipe has trained, on stories, and for Monte Carlo at its tokens."""
    torch.set_num_threads(1)
    roots = write_roots(
        "ledger", folder / "root.json", GroundedSettings(), most=problems, split="test", skin="story"
    ).path
    spent = 0
    for number, (title, tool) in enumerate(
        (
            ("executor + generative judge", "ledger"),
            ("arithmetic tool + generative judge", "arithmetic"),
            ("generative judge alone", None),
        )
    ):
        arm = Arm(title, tool, lambda: load_scorer(str(trained)))
        labels, tokens, anew = _searched(roots, folder / f"arm-{number}", arm, Criticising)
        spent = spent or tokens
        _told(
            f"g11-{number}",
            f"{title}, {problems} stories",
            labels,
            tokens,
            f"; {anew:,} if it reads all anew",
        )
    for locate in ("binary", "bayes"):
        sampled(folder, locate, problems, spent, "g11")


def sampled(folder: Path, locate: str, problems: int, spent: int, name: str = "g8") -> None:
    """Monte Carlo for so many tokens: spread over the same problems and more, or at its own pace on fewer."""
    budget = max(LEAST_BUDGET, spent // problems)
    found = _run(folder / f"{locate}-same", locate, problems, budget)
    _told(f"{name}-{locate}", f"Monte Carlo, {locate}, {problems} problems of {budget} tokens", *found)
    # Rollouts come in groups, so that a budget is not used up: the rest goes to more problems
    more = round(problems * spent / found[1])
    found = _run(folder / f"{locate}-more", locate, more, budget)
    _told(f"{name}-{locate}-equal", f"Monte Carlo, {locate}, {more} problems of {budget} tokens", *found)
    few = max(1, problems // 4)
    fewer = max(1, round(few * spent / _run(folder / f"{locate}-few", locate, few, None)[1]))
    found = _run(folder / f"{locate}-own", locate, fewer, None)
    _told(f"{name}-{locate}-own", f"Monte Carlo, {locate}, {fewer} problems at its own pace", *found)


def _run(run: Path, locate: str, problems: int, budget: int | None) -> tuple[Prefixes, int]:
    """Labels of a run and the tokens it wrote, with eight rollouts an estimate and perhaps a budget a problem."""
    settings = {} if budget is None else {"token_budget": budget}
    told = demo(output=run, limit=problems, ledger_split="test", locate=locate, num_rollouts=8, **settings)
    return dict(_of_run(run)), told.tokens


def _searched(
    roots: Path, folder: Path, arm: Arm, counting: type[Counting] = Counting
) -> tuple[Prefixes, int, int]:
    """Labels, tokens, and tokens if the judge reads each prefix anew."""
    said: dict[str, Any] = {} if arm.tool else {"tools": []}
    if arm.judge is not None:
        JUDGES.append(counting(arm.judge()))
        said |= {"judge": "prm", "prm": {"backend": "hf", "model": f"{__name__}:judge"}}
    search_job.open_tool = lambda name, options: (  # type: ignore[attr-defined,assignment]
        Arithmetic() if arm.tool == "arithmetic" else open_tool(name, options)
    )
    settings = GroundedSettings.model_validate(said)
    done = run_search(roots, folder, settings, SearchSettings(enough=1000, canary_rate=0.0))
    written = done.calls["policy_tokens_written"]
    read = (JUDGES[-1].tokens, JUDGES[-1].anew) if arm.judge is not None else (0, 0)
    return dict(_of_trees(roots, folder / "mcts_tree")), written + read[0], written + read[1]


def _of_trees(roots: Path, trees: Path) -> Iterator[tuple[tuple[str, tuple[str, ...]], bool]]:
    questions = {row["path"]: row["question"] for row in json.loads(roots.read_bytes())}
    for path in sorted(trees.iterdir()):
        left: list[Mapping[str, Any]] = [json.loads(path.read_bytes())]
        while left:
            node = left.pop()
            left += [*node["children"], *node["simulation_branch"]]
            if node["reflection"]:
                lines = tuple(f"{step['action']}\n" for step in node["state"]["steps"])
                yield (questions[path.name], lines), node["reflection"].startswith("[True]")


def _of_run(run: Path) -> Iterator[tuple[tuple[str, tuple[str, ...]], bool]]:
    for each in read_artifacts(run):
        for node in each.nodes:
            if node.parent is not None and node.hard is not None:
                # A node may hold several lines: its label is of the last one
                text = "".join(step.step for step in each.path(node.id))
                yield (each.question.problem, tuple(text.splitlines(keepends=True))), node.hard


def _told(name: str, title: str, labels: Prefixes, tokens: int, beside: str = "") -> None:
    counts = {True: [0, 0], False: [0, 0]}
    for (problem, lines), label in labels.items():
        if lines and prefix_is_right(problem, lines[:-1]):
            truth = prefix_is_right(problem, lines)
            counts[truth][0] += label is truth
            counts[truth][1] += 1
    right, wrong = (Proportion(*counts[truth]) for truth in (True, False))
    both = right + wrong
    low, high = both.interval
    what = (
        f"{title}: {tokens:,} tokens{beside}; {both.total} labels, accuracy [{low:.3f}, {high:.3f}], "
        f"right steps {_share(right)}, wrong steps {_share(wrong)}, "
        f"{1000 * both.hits / tokens:.2f} right labels per 1,000 tokens"
    )
    claim(name, both.value, None, what)


def _share(share: Proportion) -> str:
    return f"{share.hits} of {share.total}"
