"""`omega import`: labelled solutions of other people as questions for `omega annotate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omega_fast.cli.convert import RootFile, SourceFormat, quarantined
from omega_fast.cli.outcome import Outcome, pairs
from omega_fast.exchange import import_questions
from omega_fast.wording import counted

__all__ = ["import_"]


def import_(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Labelled solutions in any format.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="PATH", help="The file of questions.", show_default=False),
    ],
    *,
    from_: SourceFormat = "auto",
    separator: Annotated[
        str, typer.Option(help="Goes between steps where the file left the separators out.")
    ] = r"\n\n",
    root: RootFile = None,
) -> Outcome:
    """Turn labelled solutions into questions with supplied solutions, for `omega annotate --solutions label`."""
    done = import_questions(source, output, from_=from_, separator=_unescaped(separator), root=root)
    view = pairs(
        [
            ("file", str(done.path)),
            ("from", done.source),
            ("questions", done.questions),
            ("solutions", done.solutions),
        ]
    )
    code, warnings = quarantined(done.quarantined, done.quarantine)
    if done.unanswered:
        warnings += (
            f"{counted(done.unanswered, 'question has', 'questions have')} no gold answer: "
            "import from a format that keeps it, such as verl, tree or prm800k, or annotate with --gold majority",
        )
    return Outcome(done.to_dict(), view, code, warnings)


def _unescaped(separator: str) -> str:
    return separator.replace(r"\n", "\n").replace(r"\t", "\t")
