"""The run directory of a guided search: opened, its questions taken in, what it holds already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omega_fast.backends.base import Backend
from omega_fast.config import AnnotateConfig
from omega_fast.errors import InputError
from omega_fast.jobs.guided_settings import guided_identity
from omega_fast.jobs.ranks import Ranks
from omega_fast.journal import question_body
from omega_fast.records import Question, Usage
from omega_fast.search.guided import GuidedSettings
from omega_fast.search.guided.recorded import DRAW, SCORES, RecordedGuidance
from omega_fast.spending.account import Account
from omega_fast.store import RunDirectory
from omega_fast.store.view import RunView
from omega_fast.tasks.base import Fault

__all__ = ["accepted_questions", "open_guided_run", "recorded_guidance"]

_PART = "rank-{}"


def open_guided_run(
    config: AnnotateConfig, settings: GuidedSettings, fingerprints: Mapping[str, Any], here: Ranks
) -> RunDirectory:
    """This process's run directory; that of the first one is the output folder itself, and is there first.

    Raises like `RunDirectory.open_or_create`.
    """
    if here.rank:
        here.wait_for_all()
    path = config.output_dir if not here.rank else config.output_dir / _PART.format(here.rank)
    run = RunDirectory.open_or_create(
        path,
        identity=guided_identity(config, settings),
        defaults={"ledger_skin": "plain"},  # runs from before there was a choice
        extensible={
            "question_file": config.question_file,
            "limit": config.limit,
            "token_budget": settings.token_budget,
        },
        operational=config.operational(),
        fingerprints=fingerprints,
    )
    if not here.rank:
        here.wait_for_all()
    return run


def accepted_questions(
    run: RunDirectory, engine: Backend, asked: list[tuple[int, Question]], faults: list[Fault]
) -> list[tuple[int, Question]]:
    """The questions that the policy can take, new ones logged; the others are set aside and added to `faults`.

    Raises `InputError` if it can take none, or one is not what the run has under its id.
    """
    known = {record.body["id"]: record.body for record in run.records({"question"})}
    refused: list[dict[str, object]] = []
    accepted = []
    for number, question in asked:
        body = question_body(question)
        before = known.get(question.id)
        if before is None:
            try:
                engine.prompt(question)
            except InputError as error:
                refused.append({"question": question.id, "reason": str(error)})
                continue
            run.append("question", body)
        elif (before["problem"], before["answer"]) != (body["problem"], body["answer"]):
            raise InputError(
                f"question {question.id} is not the one this run has under that id",
                hint="give it another id, or write to a new folder",
            )
        accepted.append((number, question))
    if refused and not accepted:
        raise InputError(
            f"the policy can take none of the questions: {refused[0]['reason']}", hint="shorten them"
        )
    told = [{"file": each.path.name, "line": each.line, "reason": each.reason} for each in faults]
    run.quarantine([*refused, *told])
    faults += [Fault(run.path, 0, str(each["reason"])) for each in refused]
    run.commit()
    return accepted


def recorded_guidance(output: Path, here: Ranks) -> tuple[RecordedGuidance, Account]:
    """What the logs of all processes of earlier starts hold: shares may have been dealt out otherwise."""
    recorded, account = RecordedGuidance(), Account()
    here.wait_for_all()
    parts = [output, *sorted(output.glob(_PART.format("*")))]
    for part in parts:
        if not (part / "manifest.json").is_file():
            continue
        for record in RunView(part).records({DRAW, SCORES}):
            recorded.note([(record.kind, record.body)])
            if record.kind == DRAW:
                body = record.body
                usage = Usage(*body.get("usage", (body["n_prompt_tokens"], 0, body["n_tokens"])))
                account.enter(body["question"], 1, usage, body["n_tokens"])
    here.wait_for_all()
    return recorded, account
