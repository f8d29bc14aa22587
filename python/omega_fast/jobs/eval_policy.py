"""The job behind `omega eval policy`: policies drawn from on equal questions, their accuracy and diversity."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast.backends.base import Backend
from omega_fast.config import AnnotateConfig
from omega_fast.errors import ConfigError, InputError
from omega_fast.jobs.annotate import annotate, roots_alone
from omega_fast.jobs.opening import open_policy, open_questions
from omega_fast.jobs.policy_exact import exact_figures
from omega_fast.jobs.policy_models import config_of
from omega_fast.jobs.policy_report import PolicyRun, write_report
from omega_fast.policy_summary import NamedPolicy, PolicySummary
from omega_fast.records import Question
from omega_fast.store.files import LocalFileSystem, folder_made, naming, refuse_foreign, safe_name
from omega_fast.store.lock import RunLock
from omega_fast.summary import Progress
from omega_fast.tasks.base import Fault

__all__ = ["eval_policy"]


def eval_policy(
    config: AnnotateConfig,
    policies: Sequence[NamedPolicy],
    *,
    samples: int = 16,
    seeds: Sequence[int] = (0, 1, 2),
    likelihood: bool = True,
    reference: str | None = None,
    beta: float | None = None,
    questions: Sequence[Question] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> PolicySummary:
    """Draw from policies on equal questions, under several seeds; accuracy and diversity of each, and how they differ.

    Every policy's draws under a seed are a run without searches in `runs` of `config.output_dir`, logged and resumed
    like any other. Policies of one name are one policy trained several times: they count as its runs.

    Args:
        config: The questions, the sampling, the engine and where results go; its seed decides the questions of the
            embedded task alone.
        policies: What is compared; differences are from the first one.
        samples: Drawn of each question in each run.
        seeds: Of the draws.
        likelihood: Whether the models are also loaded in torch, for figures that samples alone do not give.
        reference: The model that the policies were trained from, for the distance to their target.
        beta: The temperature of that target's reward.
        questions: The questions, instead of those of `config.question_file`.
        on_progress: Told a few times a second how far a run is.
        stop: Once set, it drains and returns, incomplete and resumable.

    Raises:
        ConfigError: There is no policy or seed, one comes twice, or two settings contradict each other.
        InputError: There is no question that can be used.
        RunConflictError: The folder holds something else.
        OmegaError: As `annotate` says.
    """
    began = time.monotonic()
    _check(policies, samples, seeds, likelihood=likelihood, reference=reference, beta=beta)
    faults: list[Fault] = []
    asked = list(open_questions(config, faults.append)) if questions is None else list(questions)
    if not asked:
        first = f": line {faults[0].line} {faults[0].reason}" if faults else ""
        raise InputError(
            f"{config.question_file} holds no question that can be used{first}", hint="check the file"
        )
    output, stop = config.output_dir, stop or Event()
    messages = Path(f"{config.log_file_prefix}.log").name
    refuse_foreign(output, "evaluation of policies", marks={"runs"}, beside={"lock", messages})
    with ExitStack() as held:
        held.enter_context(folder_made(output))
        held.callback(RunLock(output / "lock", LocalFileSystem()).release)
        runs = _runs(output, policies, seeds)
        finished = list(_Drawing(config, asked, samples, on_progress, stop).carry_out(runs))
        results: dict[str, Any] = {}
        warnings: tuple[str, ...] = ()
        if len(finished) == len(runs):
            exact = exact_figures(config, asked, reference=reference, beta=beta) if likelihood else None
            results, warnings = write_report(output, runs, asked, exact)
    return PolicySummary(
        questions=len(asked),
        samples=samples,
        runs=len(runs),
        finished=len(finished),
        results=results,
        quarantined=len(faults),
        output=output,
        warnings=warnings,
        seconds=time.monotonic() - began,
    )


def _check(
    policies: Sequence[NamedPolicy],
    samples: int,
    seeds: Sequence[int],
    *,
    likelihood: bool,
    reference: str | None,
    beta: float | None,
) -> None:
    if not policies:
        raise ConfigError("no policy is named", hint="give --policy NAME=MODEL, once for each")
    if len(set(policies)) < len(policies):
        twice = next(each for each in policies if list(policies).count(each) > 1)
        raise ConfigError(f"policy {twice.name}={twice.model} is named twice", hint="name it once")
    if samples < 1:
        raise ConfigError(f"samples is {samples}", hint="draw at least 1")
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(
            "seeds are missing or named twice", hint="give different ones, such as --seeds 0,1,2"
        )
    if (reference is None) != (beta is None):
        raise ConfigError(
            "the target of a training has a reference and a beta", hint="give --reference and --beta together"
        )
    if reference is not None and not likelihood:
        raise ConfigError("a distance to the target needs likelihoods", hint="leave out --no-likelihood")


def _runs(output: Path, policies: Sequence[NamedPolicy], seeds: Sequence[int]) -> list[PolicyRun]:
    """The runs of each policy in order; policies of one name are told apart by their model."""
    names = [each.name for each in policies]
    runs = []
    for policy in policies:
        label = policy.name if names.count(policy.name) == 1 else f"{policy.name}-{policy.model}"
        runs += [
            PolicyRun(policy, seed, output / "runs" / safe_name(f"{label}-seed-{seed}".replace("/", "_")))
            for seed in seeds
        ]
    return runs


@dataclass(frozen=True, slots=True)
class _Drawing:
    """How runs are carried out."""

    config: AnnotateConfig
    questions: Sequence[Question]
    samples: int
    on_progress: Callable[[Progress], None] | None
    stop: Event

    def carry_out(self, runs: Sequence[PolicyRun]) -> Iterator[PolicyRun]:
        """Draw for each run, the engine of a policy started once for all its seeds; those that are complete."""
        for policy in dict.fromkeys(each.policy for each in runs):
            if self.stop.is_set():
                return
            own = config_of(self.config, policy)
            with closing(open_policy(own)) as engine:
                for run in (each for each in runs if each.policy == policy):
                    if not self.stop.is_set() and self._draw(own, run, engine):
                        yield run

    def _draw(self, config: AnnotateConfig, run: PolicyRun, engine: Backend) -> bool:
        changes = {
            "seed": run.seed,
            "output_dir": run.folder,
            "num_rollouts": self.samples,
            "root_rollouts": 0,
            "rollout_budget": self.samples,
            "save_data_tree": False,
        }
        with naming(run.folder):
            run.folder.parent.mkdir(parents=True, exist_ok=True)
        drawn = annotate(
            roots_alone(config).model_copy(update=changes),
            questions=self.questions,
            backend=engine,
            on_progress=self.on_progress,
            stop=self.stop,
        )
        return drawn.complete
