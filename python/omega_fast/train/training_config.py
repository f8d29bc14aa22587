"""What the settings of all trainings have in common: their identity, and how a wrong one is explained."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from omega_fast.config.fields import Kind, settings_of
from omega_fast.errors import ConfigError

__all__ = ["TrainingConfig", "configured"]


class TrainingConfig(BaseModel):
    """Settings of a training, each declared with `setting()`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), validate_default=True)

    def identity(self) -> dict[str, Any]:
        """The settings that decide what comes out, as JSON values."""
        values = self.model_dump(mode="json")
        return {
            each.name: values[each.name] for each in settings_of(type(self)) if each.kind is Kind.IDENTITY
        }


Config = TypeVar("Config", bound=TrainingConfig)


def configured(kind: type[Config], settings: dict[str, Any]) -> Config:
    """A configuration of the settings given by name.

    Raises:
        ConfigError: If there is no such setting, a value cannot be, or two contradict each other.
    """
    known = kind.model_fields
    for name in settings:
        if name not in known:
            raise ConfigError(f"there is no setting {name!r}", hint=f"use one of {', '.join(known)}")
    try:
        return kind(**settings)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(map(str, fault["loc"]))
        message = fault["msg"].removeprefix("Value error, ")
        shown = message[:1].lower() + message[1:]
        said = f"setting {name} cannot be {fault['input']!r}: {shown}" if name else shown
        hint = known[name].description if name in known else "change one of them"
        raise ConfigError(said, hint=hint or "change it") from error
