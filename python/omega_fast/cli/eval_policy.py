"""`omega eval policy`: accuracy and diversity of policies on equal questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from omega_fast.cli.checked import checked
from omega_fast.cli.exits import ExitCode
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.logs import log_to
from omega_fast.cli.outcome import Outcome, pairs, plain, say
from omega_fast.cli.progress import show_progress
from omega_fast.cli.settings_flags import Given, with_settings
from omega_fast.config import EMBEDDED_POLICY, LEDGER, AnnotateConfig
from omega_fast.errors import ConfigError
from omega_fast.eval.policy import bounds_of, label_of
from omega_fast.policy_summary import NamedPolicy, PolicySummary, named_policy
from omega_fast.wording import counted

__all__ = ["eval_policy"]

_LEFT_OUT = {"root_rollouts", "num_rollouts", "rollout_budget"}
_LEAST_SHOWN = ("pass@", "distinct@", "wholly_distinct@", "coverage@")


def _questions(
    given: Given,
    *,
    questions: Annotated[
        str | None,
        typer.Argument(
            metavar="QUESTIONS",
            help="MATH-500, GSM8K, JSON Lines, or 'ledger' for the embedded task.",
            show_default=False,
        ),
    ] = None,
) -> Given:
    """The settings of runs over these questions."""
    if questions is not None and "question_file" in given:
        raise ConfigError("the questions are named twice", hint="give QUESTIONS or --question-file")
    if twice := _LEFT_OUT & given.keys():
        raise ConfigError(f"{min(twice)} has no part in this", hint="give --samples")
    named = questions or given.get("question_file")
    given = {name: value for name, value in given.items() if name != "question_file"}
    if named is not None:
        given["question_file"] = named
        if named != LEDGER:
            given.setdefault("model_name", EMBEDDED_POLICY)  # the policies are named otherwise
    return given


def _eval_policy(
    config: AnnotateConfig,
    *,
    policy: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=MODEL",
            help="A checkpoint, or a folder with a LoRA adapter; repeat it to compare with the first. "
            "Several of one name are one policy trained under several seeds.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    samples: Annotated[
        int,
        typer.Option("--samples", "-n", metavar="INTEGER", min=1, help="Drawn of each question in a run."),
    ] = 16,
    seeds: Annotated[
        str, typer.Option(metavar="INTEGER,...", help="Of the draws; a run for each.")
    ] = "0,1,2",
    likelihood: Annotated[
        bool,
        typer.Option(help="Load the models in torch too, for entropies and, on the embedded task, masses."),
    ] = True,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="What the policies were trained from; with --beta.", show_default=False
        ),
    ] = None,
    target_beta: Annotated[
        float | None,
        typer.Option(
            "--beta-of-target",
            metavar="NUMBER",
            help="Temperature of the reward in the target pi_ref exp(r / beta) of the embedded task.",
            show_default=False,
        ),
    ] = None,
) -> Outcome:
    """Draw from policies on equal questions: accuracy and diversity of each, with intervals, and their differences.

    Each policy under each seed is a run without searches: the same command resumes, and the settings of searches change
    nothing. metrics.json has every figure, policies.md the table; see docs/gflownet.md.
    """
    named, numbers = _asked(config, policy, seeds)
    with log_to(config.log_file_prefix), show_progress(config.progress) as show, stop_on_signals() as stop:
        found = load_jobs().eval_policy(
            config,
            named,
            samples=samples,
            seeds=numbers,
            likelihood=likelihood,
            reference=reference,
            beta=target_beta,
            on_progress=show,
            stop=stop,
        )
    if not found.complete:
        say(
            "interrupted: the same command resumes"
            if stop.is_set()
            else "a budget is spent: more of it goes on"
        )
    return Outcome(found.to_dict(), _view(found), _code(found, stopped=stop.is_set()), found.warnings)


def _asked(
    config: AnnotateConfig, policy: Sequence[str], seeds: str, **_: Any
) -> tuple[list[NamedPolicy], list[int]]:
    """The policies that are named, and the seeds. Raises `ConfigError` for what cannot be read, or no policy."""
    if not policy and config.question_file != LEDGER and config.model_name == EMBEDDED_POLICY:
        raise ConfigError("no policy is named", hint="give --policy NAME=MODEL, once for each")
    named = [named_policy(each) for each in policy] or [named_policy(config.model_name)]
    try:
        return named, [int(each) for each in seeds.split(",")]
    except ValueError as error:
        raise ConfigError(f"seeds {seeds!r} are no integers", hint="write them as 0,1,2") from error


def _code(found: PolicySummary, *, stopped: bool) -> ExitCode:
    if not found.complete:
        return ExitCode.INTERRUPTED if stopped else ExitCode.BUDGET
    return ExitCode.PARTIAL if found.quarantined else ExitCode.DONE


def _view(found: PolicySummary) -> Group:
    parts: list[Any] = []
    if found.results:
        parts.append(_table(found.results["policies"], found.samples))
        against = {
            f"{name} - {found.results['baseline']}": each for name, each in found.results["against"].items()
        }
        parts += [_table(against, found.samples)] if against else []
    rows: list[tuple[str, object]] = [
        ("questions", found.questions),
        ("runs", f"{found.finished} of {found.runs}, {counted(found.samples, 'sample')} a question"),
        ("files", str(found.output)),
        ("seconds", found.seconds),
    ]
    return Group(*parts, pairs(rows))


def _table(columns: Mapping[str, Mapping[str, Any]], samples: int) -> Table:
    """Each figure by policy; of those at several k the first and the last."""
    table = Table(box=None, pad_edge=False)
    for at, name in enumerate(("figure", *columns)):
        table.add_column(plain(name), justify="right" if at else "left")
    for name in dict.fromkeys(name for each in columns.values() for name in each):
        family, _, k = name.rpartition("@")
        if f"{family}@" in _LEAST_SHOWN and int(k) not in (1, samples):
            continue
        table.add_row(*map(plain, (label_of(name), *(_cell(each.get(name)) for each in columns.values()))))
    return table


def _cell(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "-"
    bounds = bounds_of(figure)
    told = f"{figure['value']:.3f}"
    return told if bounds is None else f"{told} ({bounds['low']:.3f} to {bounds['high']:.3f})"


eval_policy = with_settings(checked(_eval_policy, _asked), _questions)
"""The command."""
