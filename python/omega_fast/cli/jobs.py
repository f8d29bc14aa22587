"""The jobs behind the commands, loaded when one is run: `--help` and `doctor` need no compiled core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any, Protocol, cast

from omega_fast.config import AnnotateConfig
from omega_fast.data_summary import AugmentSummary, SeedSummary
from omega_fast.errors import OmegaError
from omega_fast.guided_summary import GuidedProgress, GuidedSummary, Solved
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.policy_summary import NamedPolicy, PolicySummary
from omega_fast.speed import BenchSummary
from omega_fast.store.formats import ExportOptions
from omega_fast.summary import (
    DemoSummary,
    EvalSummary,
    ExportSummary,
    Forecast,
    LedgerSets,
    Progress,
    PromptPreview,
    RunSummary,
    WhatIfSummary,
)
from omega_fast.tasks.ledger import Skin

__all__ = ["Jobs", "OnGuided", "OnProgress", "OnScored", "load_jobs"]

OnProgress = Callable[[Progress], None] | None
OnScored = Callable[[int, int], None] | None
OnGuided = Callable[[GuidedProgress], None] | None


class Jobs(Protocol):
    """What `omega_fast.jobs` offers the command line."""

    def annotate(
        self, config: AnnotateConfig, *, on_progress: OnProgress = None, stop: Event | None = None
    ) -> RunSummary:
        """Start or resume the run that `config` describes; drain and return once `stop` is set."""
        ...

    def seed(
        self,
        config: AnnotateConfig,
        *,
        output: Path | None = None,
        right: int | None = None,
        wrong: int | None = None,
        on_progress: OnProgress = None,
        stop: Event | None = None,
    ) -> SeedSummary:
        """Draw solutions of every question and write those that are asked for."""
        ...

    def augment(
        self,
        run: Path,
        *,
        output: Path | None = None,
        similarity: float,
        min_rollouts: int,
        consensus: Path | None = None,
        shares: str | None = None,
    ) -> AugmentSummary:
        """Write the three-column set of a run, with every step of its rollouts."""
        ...

    def status(self, run: Path) -> RunSummary:
        """What a run holds now; it may be running."""
        ...

    def replay(self, run: Path) -> RunSummary:
        """Decide a run again from its log, without an engine, and write its results anew."""
        ...

    def what_if(self, run: Path, settings: Mapping[str, Any], *, output: Path | None = None) -> WhatIfSummary:
        """Decide a run again under changed settings, as far as its recorded responses reach."""
        ...

    def export(
        self,
        run: Path,
        *,
        format: str,  # noqa: A002 - the word the command line uses
        output: Path | None = None,
        options: ExportOptions | None = None,
    ) -> ExportSummary:
        """Write the labels of a run in a format."""
        ...

    def reverify(self, run: Path, *, verifier: str | None = None) -> RunSummary:
        """Judge the rollouts of a run again, with its own verifier or another, and label anew."""
        ...

    def preview(self, config: AnnotateConfig, *, question_id: str | None, n: int) -> Sequence[PromptPreview]:
        """The prompts of some questions, and how their solutions are cut."""
        ...

    def estimate(self, config: AnnotateConfig, *, questions: int, on_progress: OnProgress) -> Forecast:
        """Try a few questions and forecast what all would cost."""
        ...

    def bench(
        self,
        config: AnnotateConfig,
        *,
        questions: int,
        tune: bool,
        max_time: float,
        recipe: Path | None,
        tell: Callable[[str], None],
    ) -> BenchSummary:
        """Measure the engine under a search, and perhaps tune it."""
        ...

    def demo(self, *, seed: int, limit: int, output: Path | None, on_progress: OnProgress) -> DemoSummary:
        """Annotate the embedded task with the embedded policy and compare with the truth."""
        ...

    def eval_processbench(
        self,
        files: Sequence[Path],
        *,
        scorer: str | None,
        output: Path,
        shape: str,
        options: ScorerOptions,
        verdicts: Path | None,
        threshold: float | None,
        threshold_subset: str,
        on_progress: OnScored,
    ) -> EvalSummary:
        """First errors found by a scorer, or by verdicts."""
        ...

    def eval_prmbench(
        self,
        files: Sequence[Path],
        *,
        scorer: str | None,
        output: Path,
        shape: str,
        options: ScorerOptions,
        threshold: float,
        on_progress: OnScored,
    ) -> EvalSummary:
        """Wrong steps told from right ones by kind of error."""
        ...

    def eval_calibration(
        self,
        files: Sequence[Path],
        *,
        scorer: str | None,
        output: Path,
        from_: str,
        shape: str,
        options: ScorerOptions,
        on_progress: OnScored,
    ) -> EvalSummary:
        """Step scores against hard labels and against MC."""
        ...

    def eval_best_of_n(
        self,
        files: Sequence[Path],
        *,
        scorer: str | None,
        output: Path,
        shape: str,
        options: ScorerOptions,
        gold: Path | None,
        verifier: str | None,
        plain_answers: bool,
        separator: str,
        split_pattern: str | None,
        aggregations: Sequence[str],
        seed: int,
        on_progress: OnScored,
    ) -> EvalSummary:
        """What choosing among samples is worth."""
        ...

    def eval_guided(
        self,
        config: AnnotateConfig,
        search: Mapping[str, Any],
        *,
        scorer: str | None,
        shape: str,
        options: ScorerOptions,
        on_progress: OnGuided,
        stop: Event | None,
    ) -> GuidedSummary:
        """Search a set of questions under a scorer."""
        ...

    def solve(
        self,
        config: AnnotateConfig,
        search: Mapping[str, Any],
        problem: str,
        *,
        scorer: str | None,
        shape: str,
        options: ScorerOptions,
        on_progress: OnGuided,
        stop: Event | None,
    ) -> Solved:
        """Search one question under a scorer."""
        ...

    def eval_policy(
        self,
        config: AnnotateConfig,
        policies: Sequence[NamedPolicy],
        *,
        samples: int,
        seeds: Sequence[int],
        likelihood: bool,
        reference: str | None,
        beta: float | None,
        on_progress: OnProgress = None,
        stop: Event | None = None,
    ) -> PolicySummary:
        """Accuracy and diversity of policies on equal questions."""
        ...

    def make_ledger_sets(
        self, output: Path, *, rows: int, questions: int, samples: int, seed: int, skin: Skin
    ) -> LedgerSets:
        """Write benchmarks of the embedded task."""
        ...


def load_jobs() -> Jobs:
    """The jobs. Raises `OmegaError` if the compiled core is missing."""
    try:
        return cast(Jobs, import_module("omega_fast.jobs"))
    except ModuleNotFoundError as error:
        if error.name != "omega_fast._core":
            raise
        raise OmegaError(
            "the compiled core is missing", hint="install the package, or build it with `maturin develop`"
        ) from error
