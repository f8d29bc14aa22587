"""`omega preview`: what the policy would be asked."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.rule import Rule

from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome, pairs, plain
from omega_fast.cli.settings_flags import with_settings
from omega_fast.config import AnnotateConfig
from omega_fast.summary import PromptPreview

__all__ = ["preview"]


@with_settings
def preview(
    config: AnnotateConfig,
    question_id: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only this question.", show_default=False)
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, metavar="INTEGER", help="How many questions.")] = 1,
) -> Outcome:
    """Show prompts as the policy gets them, and how a solution drawn from it is cut into steps."""
    previews = load_jobs().preview(config, question_id=question_id, n=n)
    view = Group(*(part for each in previews for part in _parts(each)))
    return Outcome({"prompts": [each.to_dict() for each in previews]}, view)


def _parts(preview: PromptPreview) -> list[RenderableType]:
    steps = [(f"step {number}", repr(step)) for number, step in enumerate(preview.steps, 1)]
    return [
        Rule(plain(preview.question_id), align="left"),
        plain(preview.text),
        pairs(
            [
                ("prompt tokens", len(preview.token_ids)),
                ("prompt ids", " ".join(map(str, preview.token_ids))),
                *steps,
                ("cuts inside a token", preview.retokenised),
            ]
        ),
    ]
