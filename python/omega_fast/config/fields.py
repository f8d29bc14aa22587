"""What a setting is beside its type: its kind, the group it is shown in, and the line that explains it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field, JsonValue
from pydantic.fields import FieldInfo

__all__ = ["Kind", "Setting", "object_from_text", "setting", "settings_of"]


class Kind(StrEnum):
    """What a change of a setting does to a run that exists.

    `identity` decides the labels, and a change is refused; `extensible` may grow; `operational` changes how
    the run is carried out and no label.
    """

    IDENTITY = "identity"
    EXTENSIBLE = "extensible"
    OPERATIONAL = "operational"


@dataclass(frozen=True, slots=True)
class Setting:
    r"""One field of a settings model as its users see it.

    Attributes:
        name: As in Python and recipes.
        kind: What a change does to a run that exists.
        group: The heading it is listed under.
        description: One line, without a full stop.
        annotation: Its type.
        default: Its default; `...` if there is none.
        escapes: Whether `\n`, `\t`, `\r` and `\\` stand for those characters where it is given as text.
    """

    name: str
    kind: Kind
    group: str
    description: str
    annotation: Any
    default: Any
    escapes: bool


def setting(
    default: Any,
    description: str,
    *,
    kind: Kind,
    group: str,
    escapes: bool = False,
    **constraints: Any,
) -> Any:
    """A pydantic field that is a setting; `constraints` go to pydantic."""
    extra: dict[str, JsonValue] = {"kind": kind.value, "group": group, "escapes": escapes}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def settings_of(model: type[BaseModel]) -> Iterator[Setting]:
    """Yield the settings of a model in the order in which they are declared."""
    for name, field in model.model_fields.items():
        yield _setting_of(name, field)


def _setting_of(name: str, field: FieldInfo) -> Setting:
    extra = field.json_schema_extra
    assert isinstance(extra, dict), f"{name} is declared without setting()"
    return Setting(
        name=name,
        kind=Kind(str(extra["kind"])),
        group=str(extra["group"]),
        description=field.description or "",
        annotation=field.annotation,
        default=... if field.is_required() else field.default,
        escapes=bool(extra["escapes"]),
    )


def object_from_text(value: object) -> object:
    """A JSON object that was given as text; anything else as it is. Raises `ValueError` for other text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f'write a JSON object such as {{"name": 32}}: {error}') from error
