"""A model's answer read as the one object of a form that it has to be; anything else is unusable, whatever it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from omega_fast.records import THINK
from omega_fast.verifiers.extract import said_aloud

__all__ = ["UnusableAnswerError", "faults_of", "read_form"]

_LONGEST_ANSWER = 100_000

FormT = TypeVar("FormT", bound=BaseModel)


class UnusableAnswerError(Exception):
    """An answer that is not of its form; the message says why."""


def read_form(text: str, form: type[FormT]) -> FormT:
    """The object of a form in an answer, perhaps in a code fence or behind thoughts.

    Raises:
        UnusableAnswerError: There is none, or there are two that differ.
    """
    if len(text) > _LONGEST_ANSWER:
        raise UnusableAnswerError(f"the answer has {len(text)} characters, more than {_LONGEST_ANSWER}")
    found: list[FormT] = []
    reason = "the answer holds no JSON object"
    for candidate in _objects(said_aloud(text, THINK)):
        try:
            read = form.model_validate(candidate)
        except ValidationError as error:
            reason = faults_of(error)
        else:
            if read not in found:
                found.append(read)
    if len(found) > 1:
        raise UnusableAnswerError("the answer holds two objects that differ")
    if not found:
        raise UnusableAnswerError(reason)
    return found[0]


def faults_of(error: ValidationError) -> str:
    """The first faults of an object, each with its field."""
    faults: Sequence[Any] = error.errors()
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'the object'}: {each['msg'][:1].lower()}{each['msg'][1:]}"
        for each in faults[:3]
    )


def _objects(text: str) -> list[Mapping[str, Any]]:
    """The outermost JSON objects in a text; braces in broken ones are passed over."""
    found: list[Mapping[str, Any]] = []
    depth, begun, quoted, escaped = 0, 0, False, False
    for at, sign in enumerate(text):
        if escaped or (quoted and sign not in '"\\'):
            escaped = False
        elif quoted:
            quoted, escaped = sign != '"', sign == "\\"
        elif sign == '"':
            quoted = depth > 0
        elif sign == "{":
            begun = at if depth == 0 else begun
            depth += 1
        elif sign == "}" and depth:
            depth -= 1
            if depth == 0:
                _add_object(text[begun : at + 1], found)
    return found


def _add_object(text: str, found: list[Mapping[str, Any]]) -> None:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    if isinstance(content, dict):
        found.append(content)
