"""`omega bench`: how fast the engine is here, and which settings make it faster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome, pairs, say
from omega_fast.cli.settings_flags import with_settings
from omega_fast.config import AnnotateConfig
from omega_fast.speed import BenchSummary
from omega_fast.wording import counted

__all__ = ["bench"]

FIVE_MINUTES = 300.0


@with_settings(embedded_by_default=True)
def bench(
    config: AnnotateConfig,
    questions: Annotated[
        int, typer.Option(min=1, metavar="INTEGER", help="How many questions to search.")
    ] = 20,
    tune: Annotated[
        bool, typer.Option("--tune", help="Look for faster settings of the engine that change no label.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="With --tune: the recipe to write.", show_default=False
        ),
    ] = None,
) -> Outcome:
    """Measure the engine under a real search, on your questions or the embedded task; --tune finds faster settings.

    It ends --max-time after the engine has started, five minutes unless said otherwise.
    """
    summary = load_jobs().bench(
        config,
        questions=questions,
        tune=tune,
        max_time=config.max_time or FIVE_MINUTES,
        recipe=output,
        tell=say,
    )
    return Outcome(summary.to_dict(), _view(summary))


def _view(summary: BenchSummary) -> Group:
    speeds = sorted(summary.speeds, key=lambda speed: speed.tokens_a_second)
    middle = speeds[len(speeds) // 2]
    spread = (
        f"{speeds[0].tokens_a_second:,.0f} to {speeds[-1].tokens_a_second:,.0f} in "
        f"{counted(len(speeds), 'search', 'searches')}"
    )
    rows: list[tuple[str, object]] = [
        ("engine", f"{summary.engine}, {summary.model}, {counted(summary.slots, 'slot')}"),
        ("generated", f"{middle.tokens_a_second:,.0f} tokens/s ({spread})"),
        ("slots busy", f"{middle.busy:.1%}"),
        ("own CPU", f"{middle.own_cpu_us_a_draw:,.0f} us a draw"),
    ]
    if not summary.trials:
        return Group(pairs(rows))
    chosen = [(name, value) for name, value in summary.chosen.items()] or [("chosen", "nothing")]
    wrote = [("recipe", str(summary.recipe))] if summary.recipe else []
    return Group(pairs(rows), pairs([*chosen, *wrote], title="\ntuned"))
