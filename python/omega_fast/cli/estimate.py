"""`omega estimate`: what a run would cost."""

from __future__ import annotations

from typing import Annotated

import typer

from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.cli.progress import show_progress
from omega_fast.cli.settings_flags import with_settings
from omega_fast.cli.views import duration, money, price
from omega_fast.config import AnnotateConfig
from omega_fast.wording import counted

__all__ = ["estimate"]


@with_settings
def estimate(
    config: AnnotateConfig,
    questions: Annotated[int, typer.Option(min=1, metavar="INTEGER", help="How many questions to try.")] = 20,
) -> Outcome:
    """Annotate a few questions, keep nothing, and forecast what all of them would cost here."""
    with show_progress(config.progress) as show:
        forecast = load_jobs().estimate(config, questions=questions, on_progress=show)
    cost = "" if forecast.forecast_cost is None else f", {money(forecast.forecast_cost, forecast.currency)}"
    each = [
        ("a question", forecast.question),
        ("a label", forecast.label),
        ("a first error", forecast.first_error),
    ]
    view = pairs(
        [
            ("tried", counted(forecast.questions, "question")),
            (
                "took",
                f"{counted(forecast.rollouts, 'rollout')}, {counted(forecast.tokens, 'token')}, "
                f"{forecast.seconds:,.1f} s",
            ),
            ("all", counted(forecast.forecast_questions, "question")),
            (
                "would take",
                f"{forecast.forecast_tokens:,.0f} tokens, {duration(forecast.forecast_hours * 3600)}{cost}",
            ),
            *((name, price(one, forecast.currency)) for name, one in each if one is not None),
        ]
    )
    return Outcome(forecast.to_dict(), view)
