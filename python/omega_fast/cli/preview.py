"""`omega preview`: what the policy would be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.rule import Rule

from omega_fast.cli.jobs import load_jobs
from omega_fast.cli.outcome import Outcome, pairs, plain
from omega_fast.cli.settings_flags import with_settings
from omega_fast.config import AnnotateConfig
from omega_fast.summary import PromptPreview
from omega_fast.wording import counted

__all__ = ["preview"]

_ENDS = {"stop": "its own end", "length": "max_new_tokens or the model's context"}
_CUTS_SHOWN = 8


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
    crossed = f"inside a token after step {_numbers(preview)}: such a prefix is tokenised again, and counted"
    untold = "the engine tells no token ids: every prefix is tokenised again, and counted"
    rows = [
        ("prompt tokens", len(preview.token_ids)),
        ("prompt ids", " ".join(map(str, preview.token_ids))),
        ("prompt opens a thought", preview.opens_thought),
        *_steps(preview),
        ("solution ended by", preview.problem or _ENDS.get(preview.ended, preview.ended)),
        ("cuts inside a token", preview.retokenised),
    ]
    if preview.retokenised:
        rows.append(("", crossed if preview.step_tokens else untold))
    return [Rule(plain(preview.question_id), align="left"), plain(preview.text), pairs(rows)]


def _steps(preview: PromptPreview) -> Iterator[tuple[str, object]]:
    for number, step in enumerate(preview.steps, 1):
        tokens = f", {counted(preview.step_tokens[number - 1], 'token')}" if preview.step_tokens else ""
        yield f"step {number}{tokens}", repr(step)


def _numbers(preview: PromptPreview) -> str:
    shown = ", ".join(map(str, preview.retokenised_after[:_CUTS_SHOWN]))
    return f"{shown}, ..." if len(preview.retokenised_after) > _CUTS_SHOWN else shown
