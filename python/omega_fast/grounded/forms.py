"""The forms of what roles answer: a step, a query, a verdict."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["QueryForm", "StepForm", "VerdictForm", "schema_of"]

_LONGEST_TEXT = 8000
_FORM = ConfigDict(
    frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, str_strip_whitespace=True
)


class StepForm(BaseModel):
    """One step of a solution; with `final_answer` it is the last."""

    model_config = _FORM

    step_objective: str = Field(max_length=_LONGEST_TEXT)
    action: str = Field(min_length=1, max_length=_LONGEST_TEXT)
    final_answer: str | None = Field(max_length=1000)


class QueryForm(BaseModel):
    """What a tool is to be asked about a step; empty if there is nothing to check."""

    model_config = _FORM

    query: str = Field(max_length=2000)


class VerdictForm(BaseModel):
    """What a judge holds of a step, and why."""

    model_config = _FORM

    reason: str = Field(max_length=_LONGEST_TEXT)
    verdict: Literal["right", "wrong", "cannot_say"]


def schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a form, as strict servers take it: every field required, limits left to the check here."""
    schema = form.model_json_schema()
    fields = {name: _plain(field) for name, field in schema["properties"].items()}
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: field[name] for name in ("type", "enum") if name in field}
    if "anyOf" in field:
        kept["anyOf"] = [_plain(each) for each in field["anyOf"]]
    return kept
