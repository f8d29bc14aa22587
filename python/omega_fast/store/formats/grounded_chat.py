r"""The format `grounded-chat`: the talks that GroundedPRM is fine-tuned on, in which each step gets a critique.

`{"conversation": [system, {"role": "user", "content": "question\nstep"}, {"role": "assistant", "content":
"<verify>...</verify><judge>...</judge><output>\boxed{+}</output>"}, {"role": "user", "content": "step"}, ...]}`. The
wording is the same for + and -. Where no tool was asked or nobody judged, that part is left out. `question` is a column
of this package, since nothing else says where the question ends; rows without it are copied, not read as solutions.
Lost: soft labels, the gold answer, ids, the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import listed, optional_text, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import (
    LabelledSolution,
    StepCheck,
    keeping,
    labelled,
    wholly_labelled,
)

if TYPE_CHECKING:
    import pyarrow

__all__ = ["GROUNDED_CHAT", "GroundedChat"]

_CRITIQUE = re.compile(
    r"\s*(?:<verify>\n?(?P<tool>.*?)\n?</verify>\s*)?(?:<judge>\n?(?P<reason>.*?)\n?</judge>\s*)?"
    r"<output>(?P<output>.*?)</output>\s*",
    re.DOTALL,
)
_SIGN = re.compile(r"\\boxed\{([+-])\}")


@dataclass(frozen=True, slots=True)
class GroundedChat:
    """Role and content of each message, and the question if it is known where it ends."""

    messages: tuple[tuple[str, str], ...]
    question: str | None = None


def _from_solution(solution: LabelledSolution) -> list[GroundedChat]:
    kept = wholly_labelled(keeping(solution, "checks"))
    said = [f"{kept.question}\n{kept.steps[0]}", *kept.steps[1:]]
    checks = kept.checks or (None,) * len(said)
    answers = [_critique(right is True, check) for right, check in zip(kept.hard, checks, strict=True)]
    turns = [("user", "assistant")] * len(said)
    row = GroundedChat(
        tuple(
            message
            for (asks, tells), step, answer in zip(turns, said, answers, strict=True)
            for message in ((asks, step), (tells, answer))
        ),
        kept.question,
    )
    if list(_to_solutions([row])) != [kept]:
        raise ValueError("how a step was checked holds the marks of a critique")
    return [row]


def _critique(right: bool, check: StepCheck | None) -> str:
    parts = [] if check is None else [("verify", check.tool), ("judge", check.reason)]
    shown = [f"<{name}>\n{content}\n</{name}>\n" for name, content in parts if content]
    return "".join(shown) + f"<output>\n\\boxed{{{'+' if right else '-'}}}\n</output>"


def _to_solutions(rows: Sequence[GroundedChat]) -> Iterator[LabelledSolution]:
    for row in rows:
        said = [content for role, content in row.messages if role != "system"]
        steps, found = said[0::2], [_read(answer) for answer in said[1::2]]
        if row.question is None:
            raise ValueError("nothing says where the question ends: give it a column question")
        if not steps[0].startswith(row.question + "\n"):
            raise ValueError("the first message does not begin with the question and a line's end")
        steps[0] = steps[0][len(row.question) + 1 :]
        yield labelled(
            row.question, steps, [right for right, _ in found], checks=[check for _, check in found]
        )


def _read(answer: str) -> tuple[bool, StepCheck | None]:
    whole = _CRITIQUE.fullmatch(answer)
    signs = _SIGN.findall(whole["output"]) if whole else []
    if whole is None or len(signs) != 1:
        raise ValueError(r"an answer does not end in <output>, one \boxed{+} or \boxed{-}, and </output>")
    tool, reason = whole["tool"] or None, whole["reason"] or None
    return signs[0] == "+", StepCheck(tool, reason) if tool or reason else None


def _to_json(row: GroundedChat, _: ExportOptions) -> dict[str, Any]:
    talk = [{"role": role, "content": content} for role, content in row.messages]
    return {"conversation": talk, "question": row.question}


def _from_json(row: Row) -> GroundedChat:
    messages = tuple(
        (text(message, "role"), text(message, "content")) for message in listed(row, "conversation")
    )
    turns = [(role, content) for role, content in messages if role != "system"]
    if not turns or [role for role, _ in turns] != ["user", "assistant"] * (len(turns) // 2):
        raise ValueError("user and assistant do not take turns")
    for _, answer in turns[1::2]:
        _read(answer)
    return GroundedChat(messages, optional_text(row, "question"))


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    message = pa.struct({"role": pa.string(), "content": pa.string()})
    return pa.schema({"conversation": pa.list_(message), "question": pa.string()})


GROUNDED_CHAT = Format(
    name="grounded-chat",
    description="GroundedPRM: a talk in which each step gets a critique that ends in + or -",
    suffixes=(".jsonl", ".json", ".parquet", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    from_solution=_from_solution,
    to_solutions=_to_solutions,
    columns=_columns,
)
