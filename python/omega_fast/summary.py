"""What a job reports: its progress while it runs, and what came of it. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omega_fast.eval.intervals import wilson
from omega_fast.spending.forecast import Outlook, Price

__all__ = [
    "DemoSummary",
    "EvalSummary",
    "ExportSummary",
    "Figures",
    "Forecast",
    "LedgerSets",
    "Progress",
    "PromptPreview",
    "Proportion",
    "Reach",
    "RunSummary",
    "StoppedQuestion",
    "WhatIfSummary",
    "truncation_alarm",
]

_TRUNCATED_AT_MOST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. Counts are of the whole run, earlier starts included; times and rates are of this start.

    Attributes:
        questions_done: Questions whose search is finished.
        questions_total: Questions of the run; `None` while they are still being read.
        rollouts: Rollouts paid for.
        tokens: Tokens generated.
        labels: States with an estimate.
        located: First errors found; `None` where none is looked for.
        excluded: Rollouts the checker could not judge.
        truncated: Rollouts that met the token limit.
        seconds: Time since this start, the engine's loading included, as in `RunSummary.seconds`.
        in_flight: Requests the engine is working on.
        tokens_a_second: Tokens generated in a second, the engine's loading left out.
        cost: What the rollouts cost; `None` without prices.
        outlook: What the next results and the rest will cost; `None` while too few questions are finished.
    """

    questions_done: int
    questions_total: int | None
    rollouts: int
    tokens: int
    labels: int
    located: int | None
    excluded: int
    truncated: int
    seconds: float
    in_flight: int
    tokens_a_second: float = 0.0
    cost: float | None = None
    outlook: Outlook | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run holds.

    Attributes:
        run: The run directory.
        questions: Questions admitted.
        finished: Questions whose search is finished.
        quarantined: Records of the input that could not be used.
        rollouts: Rollouts that the finished questions used.
        tokens: Tokens of these.
        rollouts_in_log: Rollouts paid for, those of unfinished questions included.
        tokens_in_log: Tokens of these.
        labels: States with an estimate.
        searches: Searches for a first error.
        located: Of these, how many found one.
        excluded: Rollouts the checker could not judge.
        verdicts: Rollouts by verdict.
        finishes: Finished questions by the reason their search ended.
        retokenised: Prefixes cut inside a token and tokenised again.
        lost: Rollouts given up after all retries.
        paid_twice: Answers lost on their way from a server, which may have charged for them.
        early: Rollouts made before a decision asked for them: `used` by one later, `unused`, `cancelled`. Those that
            were used are among `rollouts`; the others are paid for and count nowhere.
        seconds: Time spent, all starts together, from each start, the engine's loading included, to its search's end.
        complete: Every question is finished.
        cost: What the rollouts in the log cost, at the prices of the price file; `None` without prices.
        currency: Of the cost.
        tokens_written_off: Generated tokens, at most, that may have been paid for and never came back; a budget of
            the whole run counts them.
        stopped_by: The budget of the whole run that ended the last start, if one did and questions are left:
            `max_tokens`, `max_cost` or `max_time`.
        outlook: What the next results and the rest will cost; `None` if too few questions are finished.
        warnings: What the user should look at, in words.
    """

    run: Path
    questions: int
    finished: int
    quarantined: int
    rollouts: int
    tokens: int
    rollouts_in_log: int
    tokens_in_log: int
    labels: int
    searches: int
    located: int
    excluded: int
    verdicts: Mapping[str, int]
    finishes: Mapping[str, int]
    retokenised: int
    lost: int
    paid_twice: int = 0
    early: Mapping[str, int] = field(default_factory=dict)
    seconds: float
    complete: bool
    cost: float | None = None
    currency: str = ""
    tokens_written_off: int = 0
    stopped_by: str = ""
    outlook: Outlook | None = None
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self) | {"run": str(self.run), "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True)
class Proportion:
    """`hits` of `total`, with its 95 % interval.

    >>> [round(bound, 4) for bound in Proportion(90, 100).interval]
    [0.8256, 0.9448]
    """

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        """The share; `None` of nothing."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval (Wilson 1927), which holds near 0 and 1 too; all of [0, 1] for nothing."""
        share = self.value or 0.0
        return wilson(share, share * (1 - share), self.total)

    def to_dict(self) -> dict[str, Any]:
        """Hits, total, value and interval as JSON values."""
        low, high = self.interval
        return {"hits": self.hits, "total": self.total, "value": self.value, "low": low, "high": high}

    def __add__(self, other: Proportion) -> Proportion:
        """Of both together."""
        return Proportion(self.hits + other.hits, self.total + other.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSummary(RunSummary):
    """What the demonstration found, and how often it was right, since the embedded task knows the truth.

    Attributes:
        exact_hit_accuracy: Of the first errors located, those at the step that is truly the first wrong one.
        hard_label_accuracy: Of the states with a hard label, those labelled as the truth has it.
        files: What was written, by name.
    """

    exact_hit_accuracy: Proportion
    hard_label_accuracy: Proportion
    files: Mapping[str, Path] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return RunSummary.to_dict(self) | {
            "exact_hits": self.exact_hit_accuracy.hits,
            "located_judged": self.exact_hit_accuracy.total,
            "exact_hit_accuracy": self.exact_hit_accuracy.to_dict(),
            "hard_labels": self.hard_label_accuracy.total,
            "hard_label_accuracy": self.hard_label_accuracy.to_dict(),
            "files": {name: str(path) for name, path in self.files.items()},
        }


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """A file that was exported.

    Attributes:
        path: The file.
        rows: The rows in it.
        refused: Solutions that its format could not carry.
        finished: Questions that are exported: the finished ones.
        questions: Questions of the run.
    """

    path: Path
    rows: int
    refused: int = 0
    finished: int = 0
    questions: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPreview:
    """A question as the policy sees it, and one solution drawn from the policy as it is cut.

    Attributes:
        question_id: The question.
        text: The rendered prompt.
        token_ids: Its ids.
        steps: The steps of one solution drawn from the policy; their concatenation is that solution.
        retokenised: Cuts between those steps that fall inside a token: prefixes that end there are tokenised again.
        retokenised_after: The steps that end in such a cut, counted from 1.
        step_tokens: Tokens of each step, one that crosses a cut counted where it ends; empty if the engine tells none.
        opens_thought: The prompt ends inside a thought.
        ended: What ended that solution: `stop` its own end, `length` the limit on its tokens, `error` the engine.
        problem: What is wrong with it, in words.
    """

    question_id: str
    text: str
    token_ids: tuple[int, ...]
    steps: tuple[str, ...]
    retokenised: int
    retokenised_after: tuple[int, ...] = ()
    step_tokens: tuple[int, ...] = ()
    opens_thought: bool = False
    ended: str = "stop"
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a few questions cost, and what all of them would.

    Attributes:
        questions: Questions that were tried.
        rollouts: Rollouts they took.
        tokens: Tokens they took.
        seconds: Time they took.
        forecast_questions: Questions of the whole input.
        forecast_tokens: Tokens they would take.
        forecast_hours: Hours they would take here.
        forecast_cost: What they would cost; `None` without prices.
        label: What a hard label costs; `None` while too few questions were tried, or none gave one.
        first_error: The same of a located first error.
        question: What a question costs on the mean, with its 95 % interval; `None` while too few were tried.
        currency: Of the costs.
    """

    questions: int
    rollouts: int
    tokens: int
    seconds: float
    forecast_questions: int
    forecast_tokens: float
    forecast_hours: float
    forecast_cost: float | None = None
    label: Price | None = None
    first_error: Price | None = None
    question: Price | None = None
    currency: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the searches of some questions cost and found.

    Attributes:
        questions: The questions.
        rollouts: Rollouts that their decisions rest on.
        tokens: Tokens of these.
        searches: Searches for a first error.
        located: First errors located.
        labels: States with a hard label.
        exact_hits: Of the located, those at the step that is truly the first wrong one; `None` without a known truth.
        right_labels: Of the hard labels below the root, those that are true; `None` without a known truth.
    """

    questions: int = 0
    rollouts: int = 0
    tokens: int = 0
    searches: int = 0
    located: int = 0
    labels: int = 0
    exact_hits: Proportion | None = None
    right_labels: Proportion | None = None

    def __add__(self, other: Figures) -> Figures:
        """Of both together."""

        def both(mine: Proportion | None, others: Proportion | None) -> Proportion | None:
            return None if mine is None or others is None else mine + others

        return Figures(
            questions=self.questions + other.questions,
            rollouts=self.rollouts + other.rollouts,
            tokens=self.tokens + other.tokens,
            searches=self.searches + other.searches,
            located=self.located + other.located,
            labels=self.labels + other.labels,
            exact_hits=both(self.exact_hits, other.exact_hits),
            right_labels=both(self.right_labels, other.right_labels),
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        shares = {
            name: None if share is None else share.to_dict()
            for name, share in (("exact_hits", self.exact_hits), ("right_labels", self.right_labels))
        }
        return asdict(self) | shares


@dataclass(frozen=True, slots=True)
class StoppedQuestion:
    """Where a question stopped, whose next draw was not recorded.

    Attributes:
        question: Its id.
        search: Searches begun: it stopped in the last; 0 if among the draws from the question itself.
        rollouts: Rollouts that were decided from until then.
    """

    question: str
    search: int
    rollouts: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How far recorded responses reach.

    Attributes:
        draws_wanted: Draws that the search asked for.
        draws_answered: Of these, those that the log has.
        draws_recorded: Draws in the log.
    """

    draws_wanted: int
    draws_answered: int
    draws_recorded: int

    @property
    def share(self) -> Proportion:
        """Of the draws wanted, those answered."""
        return Proportion(self.draws_answered, self.draws_wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfSummary:
    """What a run would have found under other settings, as far as its recorded responses reach.

    Attributes:
        run: The run that the responses are from.
        output: The run directory that was made; `None` if none was asked for.
        changes: What was changed: by setting, its value in the run and now.
        questions: Questions of the run.
        original: What the run found, over the questions it finished.
        original_same_questions: The same over those that were decided to their end again.
        decided: What was found under the new settings in the questions decided to their end.
        so_far: What was found in those that stopped, until then.
        stopped: Where each of these stopped.
        reach: How far the responses reached.
    """

    run: Path
    output: Path | None
    changes: Mapping[str, tuple[Any, Any]]
    questions: int
    original: Figures
    original_same_questions: Figures
    decided: Figures
    so_far: Figures
    stopped: tuple[StoppedQuestion, ...]
    reach: Reach

    @property
    def not_started(self) -> int:
        """Questions not begun: what they start from is not there, such as rates learnt from questions that stopped."""
        return self.questions - self.decided.questions - self.so_far.questions

    @property
    def complete(self) -> bool:
        """Whether every question was decided to its end."""
        return self.decided.questions == self.questions

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        figures = ("original", "original_same_questions", "decided", "so_far")
        return {
            "run": str(self.run),
            "output": None if self.output is None else str(self.output),
            "changes": {name: list(values) for name, values in self.changes.items()},
            "questions": self.questions,
            "complete": self.complete,
            **{name: getattr(self, name).to_dict() for name in figures},
            "stopped": [asdict(each) for each in self.stopped],
            "not_started": self.not_started,
            "reach": {**asdict(self.reach), "share": self.reach.share.value},
        }


def truncation_alarm(verdicts: Mapping[str, int]) -> tuple[str, ...]:
    """A warning if more than 5 % of the rollouts met the token limit: they count as wrong answers.

    >>> truncation_alarm({"correct": 90, "truncated": 10})
    ('10.0 % of the rollouts were truncated: raise max_new_tokens, or set truncated to exclude',)
    >>> truncation_alarm({"correct": 99, "truncated": 1})
    ()
    """
    total = sum(verdicts.values())
    truncated = verdicts.get("truncated", 0)
    if truncated <= _TRUNCATED_AT_MOST * total:
        return ()
    share = 100 * truncated / total
    return (
        f"{share:.1f} % of the rollouts were truncated: raise max_new_tokens, or set truncated to exclude",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalSummary:
    """What an evaluation found.

    Attributes:
        benchmark: Which one.
        scorer: What was evaluated, in short.
        asked: What this start asked of it: `solutions`, those `scored` for it while the others were known, and what
            a server counts.
        rows: Rows that count.
        quarantined: Rows that could not be used or scored; they count nowhere.
        quarantine: Where these are; `None` if there are none.
        results: The figures, as JSON values.
        output: The folder with `results.json`, `rows.jsonl` and the scores.
        seconds: How long it took.
        rank: Which of the processes of torchrun this is; the one with 0 speaks for all.
    """

    benchmark: str
    scorer: str
    rows: int
    quarantined: int
    quarantine: Path | None
    results: Mapping[str, Any]
    output: Path
    seconds: float
    rank: int = 0
    asked: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "benchmark": self.benchmark,
            "scorer": self.scorer,
            "asked": dict(self.asked),
            "rows": self.rows,
            "quarantined": self.quarantined,
            "quarantine": None if self.quarantine is None else str(self.quarantine),
            "results": dict(self.results),
            "output": str(self.output),
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSets:
    """The benchmarks of the embedded task that were written.

    Attributes:
        output: The folder.
        sizes: Files by their names in it, each with its rows.
        seed: What they were drawn by.
        seconds: How long it took.
    """

    output: Path
    sizes: Mapping[str, int]
    seed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {**asdict(self), "output": str(self.output)}
