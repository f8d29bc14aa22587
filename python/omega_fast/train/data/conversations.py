"""Conversations from wherever these are, one shape: role and content of each message.

A row of a file is `{"messages": [{"role", "content"}]}` (OpenAI, TRL), `{"conversation": [...]}` (GroundedPRM's own) or
`{"conversations": [{"from", "value"}]}` (ShareGPT). A folder with LLaMA-Factory's `dataset_info.json` is read as that
file says: which file, which column, which tags.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omega_fast.errors import InputError
from omega_fast.models.critiques import Message, is_conversation
from omega_fast.store.files import naming_input
from omega_fast.store.formats.files import Place, RowFault, read_rows
from omega_fast.train.data.faults import Faults

__all__ = ["ConversationSource", "read_conversations"]

ConversationSource = str | Path | Iterable[Mapping[str, Any]]
"""A file, a folder with `dataset_info.json`, or rows."""

_INFO = "dataset_info.json"
_OBJECTS = Path("(given)")
_ROLES = {
    "system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Layout:
    """In which column of a row the messages stand, and under which names role and content."""

    column: str
    role: str = "role"
    content: str = "content"
    roles: Mapping[str, str] = field(default_factory=lambda: _ROLES)
    system: str = ""


_KNOWN = (
    _Layout("messages"),
    _Layout("conversation"),
    _Layout("conversations", "from", "value"),
)


def read_conversations(
    source: ConversationSource, faults: Faults, dataset: str | None = None
) -> Iterator[tuple[Place, tuple[Message, ...]]]:
    """Yield the conversations of a source, each with its place.

    Args:
        source: Where they are.
        faults: Takes the rows that are none.
        dataset: Which entry of `dataset_info.json`; the first one unless given.

    Raises:
        InputError: There is no such source or entry.
        StoreError: It cannot be read.
    """
    layouts: tuple[_Layout, ...] = _KNOWN
    if not isinstance(source, str | Path):
        rows: Iterable[tuple[Place, Any]] = (
            (Place(_OBJECTS, number, "item"), each) for number, each in enumerate(source, 1)
        )
    else:
        path = Path(source)
        if not path.exists():
            raise InputError(f"there is no {path}", hint="give a file of conversations, or a folder of them")
        if path.is_dir() and (path / _INFO).is_file():
            path, layouts = _described(path, dataset)
        elif dataset is not None:
            raise InputError(
                f"{path} is no folder with a {_INFO}, so it has no data set {dataset!r}",
                hint="leave --dataset out",
            )
        rows = read_rows(path, faults.unreadable)
    for place, row in rows:
        try:
            messages = _messages(row, layouts)
        except (KeyError, TypeError, ValueError) as error:
            said = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            faults.unreadable(RowFault(place, f"{said}, so it is no conversation", row))
        else:
            yield place, messages


def _messages(row: Any, layouts: tuple[_Layout, ...]) -> tuple[Message, ...]:
    if not isinstance(row, Mapping):
        raise TypeError(f"it is a {type(row).__name__}")
    layout = next((each for each in layouts if each.column in row), None)
    if layout is None:
        raise KeyError(" or ".join(each.column for each in layouts))
    listed = row[layout.column]
    if not isinstance(listed, list):
        raise TypeError(f"{layout.column} is a {type(listed).__name__}, not a list")
    messages: list[Message] = []
    if layout.system and isinstance(said := row.get(layout.system), str) and said:
        messages.append({"role": "system", "content": said})
    for each in listed:
        if not isinstance(each, Mapping):
            raise TypeError("a message is no object")
        role, content = each[layout.role], each[layout.content]
        if not isinstance(role, str) or role not in layout.roles:
            raise ValueError(f"nobody speaks as {role!r}")
        if not isinstance(content, str) or not content.strip():
            raise ValueError("a message has no text")
        messages.append({"role": layout.roles[role], "content": content})
    if not is_conversation(messages):
        raise ValueError("user and assistant do not take turns")
    return tuple(messages)


def _described(folder: Path, dataset: str | None) -> tuple[Path, tuple[_Layout, ...]]:
    """The file of an entry of LLaMA-Factory's description, and how its rows are laid out."""
    path = folder / _INFO
    with naming_input(path):
        content = path.read_bytes()
    try:
        entries: dict[str, Any] = json.loads(content)
        name = dataset or next(iter(entries))
        if name not in entries:
            raise InputError(f"{path} has no data set {name!r}", hint=f"use one of {', '.join(entries)}")
        entry = entries[name]
        if entry.get("formatting", "alpaca") != "sharegpt":
            raise InputError(
                f"data set {name!r} of {path} is not of the formatting sharegpt",
                hint="name one with messages",
            )
        columns, tags = entry.get("columns", {}), entry.get("tags", {})
        roles = {
            tags.get("user_tag", "human"): "user",
            tags.get("assistant_tag", "gpt"): "assistant",
            tags.get("system_tag", "system"): "system",
        }
        layout = _Layout(
            columns.get("messages", "conversations"),
            tags.get("role_tag", "from"),
            tags.get("content_tag", "value"),
            roles,
            columns.get("system", ""),
        )
        return folder / entry["file_name"], (layout,)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise InputError(
            f"{path} describes no data set: {error}", hint="write it with `omega grounded construct`"
        ) from error
