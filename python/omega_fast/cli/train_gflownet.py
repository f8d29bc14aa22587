"""`omega train gflownet`: fine-tune a policy to sample in proportion to a reward."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from omega_fast.cli.checked import checked
from omega_fast.cli.exits import ExitCode
from omega_fast.cli.interrupts import stop_on_signals
from omega_fast.cli.outcome import Outcome, pairs, say
from omega_fast.cli.scorer_flags import ScorerFlags, prm_flags, scorer_of
from omega_fast.cli.training import course_of, only_the_first_prints, with_flags_of
from omega_fast.train.gflownet.config import GflownetConfig, gflownet_config
from omega_fast.train.libraries import training_libraries
from omega_fast.wording import counted

__all__ = ["gflownet"]


def _gflownet(
    config: GflownetConfig,
    scorer: ScorerFlags,
    questions: Annotated[
        str,
        typer.Argument(
            metavar="QUESTIONS",
            help="MATH-500, GSM8K, JSON Lines, or 'ledger' for the embedded task.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="The folder to write.", show_default=False)
    ],
    from_run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Replay solutions of a run directory, or a file of whole solutions, too; needs --replay.",
            show_default=False,
        ),
    ] = None,
) -> Outcome:
    """Fine-tune a policy so that it samples solutions in proportion to a reward; the same command resumes.

    Under torchrun or accelerate launch all processes train together.
    """
    with training_libraries():
        from omega_fast.jobs.gflownet import finetune  # noqa: PLC0415 - it loads torch

    only_the_first_prints()
    # Of several processes each would stop at another update, and wait for the others for ever
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    signals = stop_on_signals("stopping: the update is finished and saved first; once more to stop now")
    with signals if alone else nullcontext(None) as stop:
        done = finetune(
            questions,
            config,
            output,
            prm=scorer.prm,
            shape=scorer.shape,
            options=scorer.options,
            from_run=from_run,
            on_log=_tell,
            stop=stop,
        )
    record = done.record
    log, faults = record["log"], record["faults"]
    rows: list[tuple[str, object]] = [
        ("policy", str(done.folder)),
        ("learnt on", counted(record["data"]["questions"], "question")),
        ("entries of the log", len(log)),
        ("r is", record["judge"]),
        *((_UNITS.get(name, name), course_of(log, name)) for name in _SHOWN_FIGURES),
        *((name.replace("_", " "), f"{count:,}") for name, count in faults.items()),
    ]
    warnings = [*record["warnings"], *([record["stopped"]] if record["stopped"] else ())]
    data = {"policy": str(done.folder), **{name: record[name] for name in _SHOWN}}
    code = ExitCode.PARTIAL if record["stopped"] else ExitCode.DONE
    return Outcome(data, pairs(rows), code, tuple(warnings))


_SHOWN_FIGURES = ("r", "right", "loss", "entropy", "distinct")
_UNITS = {"entropy": "entropy in nats"}
_SHOWN = ("data", "faults", "warnings", "stopped", "judge", "log")


def _tell(entry: Any) -> None:
    names = ("loss", "r", "right", "log_z", "entropy", "distinct")
    shown = "  ".join(f"{_UNITS.get(name, name)} {entry[name]:.3f}" for name in names if name in entry)
    say(f"update {entry['step']} of {entry['of']}  {shown}")


def _with_prm(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """`function` with the flags of a reward model instead of its parameter `scorer`."""
    signature = inspect.signature(function, eval_str=True)

    @wraps(function)
    def run(config: GflownetConfig, **arguments: Any) -> Outcome:
        scorer = scorer_of(arguments)
        return function(config, scorer, **arguments)

    own = [each for each in signature.parameters.values() if each.name != "scorer"]
    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own[1:]]
    run.__signature__ = signature.replace(parameters=[own[0], *keywords, *prm_flags()])  # type: ignore[attr-defined]
    return checked(run, lambda _, **arguments: scorer_of(arguments))


gflownet = with_flags_of(GflownetConfig, gflownet_config)(_with_prm(_gflownet))
"""The command."""
