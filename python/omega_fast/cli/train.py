"""`omega train ...`: models learnt from labels. Each trainer is one command, with a flag for each of its settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omega_fast.cli.exits import ExitCode
from omega_fast.cli.outcome import Outcome, pairs, say
from omega_fast.cli.train_gflownet import gflownet
from omega_fast.cli.training import course_of, only_the_first_prints, with_flags_of
from omega_fast.errors import ConfigError
from omega_fast.train.generative_config import GenerativeConfig, generative_config
from omega_fast.train.implicit_config import ImplicitConfig, implicit_config
from omega_fast.train.libraries import training_libraries
from omega_fast.train.prm_config import PrmConfig, ntp_config, prm_config
from omega_fast.wording import counted

if TYPE_CHECKING:
    from omega_fast.train.folder import Training

__all__ = ["TRAINERS"]


Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="A run directory, or a file of any format of labels.", show_default=False
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="PATH", help="The folder to write.", show_default=False)
]


@with_flags_of(PrmConfig, prm_config)
def prm(
    config: PrmConfig,
    output: Output,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA", help="A run directory, or a file of any format of labels.", show_default=False
        ),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="DATA", help="The same as an option.", show_default=False)
    ] = None,
) -> Outcome:
    """Train a process reward model on labelled steps; the same command resumes.

    Under torchrun or accelerate launch all processes train together.
    """
    named = [each for each in (data, dataset) if each is not None]
    if len(named) != 1:
        raise ConfigError("one set of labels is to be learnt from", hint="give DATA or --dataset DATA")
    return _train_prm(named[0], config, output)


@with_flags_of(PrmConfig, ntp_config)
def ntp_prm(config: PrmConfig, data: Data, output: Output) -> Outcome:
    """Train a language model to say a good or a bad token behind each step; the same command resumes.

    This is `omega train prm --head ntp --loss ce`.
    """
    return _train_prm(data, config, output)


@with_flags_of(ImplicitConfig, implicit_config)
def implicit_prm(
    config: ImplicitConfig,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A run directory, a file of whole solutions or pairs, or a data set of the hub.",
            show_default=False,
        ),
    ],
    output: Output,
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the rows here as OpenRLHF reads them.", show_default=False),
    ] = None,
    reference_cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep the reference's log-probabilities here, for other trainings as well.",
            show_default=False,
        ),
    ] = None,
) -> Outcome:
    """Train a process reward model on right and wrong solutions alone; the same command resumes."""
    with training_libraries():
        from omega_fast.train.implicit import run_implicit_training  # noqa: PLC0415 - it loads torch

    only_the_first_prints()
    done = run_implicit_training(
        data, config, output, dataset=dataset, reference_cache=reference_cache, on_log=_tell
    )
    report = done.record["data"]
    unit = "pair" if config.objective == "dpo" else "solution"
    train, held = report["train"], report["held_out"]
    rows: list[tuple[str, object]] = [
        ("model", str(done.folder)),
        ("learnt from", f"{counted(train['rows'], unit)} of {counted(train['questions'], 'question')}"),
        ("right and wrong", f"{train['right']:,} right, {train['wrong']:,} wrong"),
        ("held out", f"{counted(held['rows'], unit)} of {counted(held['questions'], 'question')}"),
        ("dropped as duplicates", report["duplicates"]),
        ("computed by the reference", counted(done.record["reference"]["computed"], "solution")),
    ]
    return _told(done, rows)


@with_flags_of(GenerativeConfig, generative_config)
def generative_prm(
    config: GenerativeConfig,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="What omega grounded construct wrote, or a file of conversations.",
            show_default=False,
        ),
    ],
    output: Output,
) -> Outcome:
    """Fine-tune a chat model to criticise each step and say whether it is right; the same command resumes.

    Only what the assistant says is learnt. The adapters stay in OUTPUT/adapter, and are merged into OUTPUT.
    """
    with training_libraries():
        from omega_fast.train.generative import run_generative_training  # noqa: PLC0415 - it loads torch

    only_the_first_prints()
    done = run_generative_training(data, config, output, on_log=_tell)
    report = done.record["data"]
    train, held = report["train"], report["held_out"]
    rows: list[tuple[str, object]] = [
        ("model", str(done.folder)),
        (
            "learnt from",
            f"{counted(train['rows'], 'conversation')} on {counted(train['questions'], 'question')}",
        ),
        ("verdicts", f"{train['right']:,} right, {train['wrong']:,} wrong"),
        ("tokens", f"{train['learnt_tokens']:,} of {train['tokens']:,} are the assistant's"),
        ("held out", f"{counted(held['rows'], 'conversation')} on {counted(held['questions'], 'question')}"),
        ("dropped as duplicates", report["duplicates"]),
    ]
    return _told(done, rows)


TRAINERS: dict[str, Callable[..., Outcome]] = {
    "prm": prm,
    "ntp-prm": ntp_prm,
    "implicit-prm": implicit_prm,
    "gflownet": gflownet,
    "generative-prm": generative_prm,
}
"""The commands of `omega train` by name."""


def _train_prm(data: Path, config: PrmConfig, output: Path) -> Outcome:
    with training_libraries():
        from omega_fast.train.prm import run_training  # noqa: PLC0415 - it loads torch

    only_the_first_prints()
    return _outcome(run_training(data, config, output, on_log=_tell))


def _outcome(done: Training) -> Outcome:
    report = done.record["data"]
    train, held = report["train"], report["held_out"]
    rows: list[tuple[str, object]] = [
        ("model", str(done.folder)),
        (
            "learnt from",
            f"{counted(train['solutions'], 'solution')} of {counted(train['questions'], 'question')}",
        ),
        ("labelled steps", f"{train['right']:,} right, {train['wrong']:,} wrong"),
        ("held out", f"{counted(held['solutions'], 'solution')} of {counted(held['questions'], 'question')}"),
        ("dropped as duplicates", report["duplicates"]["dropped"]),
    ]
    return _told(done, rows)


def _told(done: Training, rows: list[tuple[str, object]]) -> Outcome:
    """The rows with the losses, and a warning if there were rows that could not be used."""
    report, log = done.record["data"], done.record["log"]
    rows += [("loss", course_of(log, "loss")), ("loss on what is held out", course_of(log, "eval_loss"))]
    data = {"model": str(done.folder), "data": report, "log": log}
    unusable = sum(report["faults"].values())
    if not unusable or os.environ.get("RANK", "0") != "0":
        return Outcome(data, pairs(rows))
    kinds = ", ".join(f"{count} {kind}" for kind, count in report["faults"].items())
    warning = (
        f"{counted(unusable, 'row')} could not be used ({kinds}): see {done.folder / 'rows.quarantine.jsonl'}"
    )
    return Outcome(data, pairs(rows), ExitCode.PARTIAL, (warning,))


def _tell(entry: Any) -> None:
    if "packing" in entry:
        say(f"trained on {entry['packing']}")
        return
    numbers = {name: value for name, value in entry.items() if name.endswith("loss")}
    if "of" in entry and not numbers:
        return
    of = f" of {entry['of']}" if "of" in entry else ""
    shown = "  ".join(f"{name} {value:.4f}" for name, value in numbers.items())
    say(f"update {entry['step']}{of}  {shown}")
