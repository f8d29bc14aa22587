"""Which model plays which role, and which tools check: one file, read and checked before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from omega_fast.backends.opening import backend_names
from omega_fast.errors import ConfigError
from omega_fast.records import Sampling

__all__ = ["ROLES", "GroundedSettings", "Role", "RoleName", "ToolSettings", "read_settings", "template"]

RoleName = Literal["policy", "query_writer", "judge", "prm"]
ROLES: tuple[RoleName, ...] = ("policy", "query_writer", "judge", "prm")
"""Who writes roots and steps, who turns a step into a tool's query, who judges a step, who scores one beside."""

_Text = Annotated[str, Field(min_length=1)]
_Share = Annotated[float, Field(ge=0, le=1)]
_FORMS = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, protected_namespaces=())


class Role(BaseModel):
    """A model and how it is asked.

    Attributes:
        backend: `openai` for a server's chat interface, or an engine of this package, which gets one text.
        model: The served name, or a folder or hub name.
        base_url: Where a server's API begins.
        api_key_env: Name of the environment variable that holds its key; the key itself is kept nowhere.
        temperature: 0 is greedy.
        top_p: Of nucleus sampling.
        max_new_tokens: Of one answer.
        structured: How a server is held to a form: by JSON schema, as JSON, not at all; `auto` tries in this order.
        in_flight: Requests at once.
        request_timeout: Seconds one try may take.
        retries: Further tries of one request.
        first_wait: Seconds before the second try; each further wait is twice as long.
        longest_wait: Seconds that no wait exceeds.
        options: Further settings of the engine, or fields of each request to a server.
        reads_plain: Of an engine that writes ledger lines: it was taught the plain skin alone, as the embedded policy
            was, and is told a story in plain words; its lines are put back into the story's.
    """

    model_config = _FORMS

    backend: _Text = "openai"
    model: _Text
    base_url: _Text | None = None
    api_key_env: str = Field(default="OPENAI_API_KEY", pattern=r"^[A-Z_][A-Z0-9_]*$")
    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_new_tokens: int = Field(default=2048, ge=1)
    structured: Literal["auto", "json_schema", "json_object", "off"] = "auto"
    in_flight: int = Field(default=64, ge=1)
    request_timeout: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    retries: int = Field(default=5, ge=0)
    first_wait: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    longest_wait: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    options: Mapping[str, Any] = Field(default_factory=dict)
    reads_plain: bool = False

    @field_validator("backend")
    @classmethod
    def _is_known(cls, backend: str) -> str:
        if backend not in backend_names():
            raise ValueError(f"there is no backend {backend!r}; choose one of {', '.join(backend_names())}")
        return backend

    @property
    def sampling(self) -> Sampling:
        """The same as an engine takes it."""
        return Sampling(self.temperature, 0, self.top_p, self.max_new_tokens)

    def identity(self) -> dict[str, Any]:
        """What decides what it answers: not where it runs, nor how patiently it is asked."""
        named = ("backend", "model", "temperature", "top_p", "max_new_tokens", "options", "reads_plain")
        return {name: getattr(self, name) for name in named}


class ToolSettings(BaseModel):
    """A tool by name, and its options."""

    model_config = _FORMS

    name: _Text
    options: Mapping[str, Any] = Field(default_factory=dict)


class GroundedSettings(BaseModel):
    """Roles and tools of a job. A role that is not named is played by no model.

    Attributes:
        policy: Writes roots and steps.
        query_writer: Turns a step into a query; by default the judge.
        judge: Gives the verdict on a step; `prm` for the scorer below; without one the tool's finding stands alone.
        prm: Scores steps, a model of the table of scorers. Its score stands beside each verdict and decides nothing,
            unless it is the judge.
        prm_bounds: As a judge it holds a step wrong below the first of these chances, and right from the second on.
        tools: Asked in this order, until one does not say `cannot_say`; none if it is empty.
    """

    model_config = _FORMS

    policy: Role | None = None
    query_writer: Role | None = None
    judge: Role | Literal["prm"] | None = None
    prm: Role | None = None
    prm_bounds: tuple[_Share, _Share] = (0.5, 0.5)
    tools: tuple[ToolSettings, ...] = (ToolSettings(name="sympy"),)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.judge == "prm" and self.prm is None:
            raise ValueError("judge: prm names the section prm, which is not there")
        if self.prm_bounds[0] > self.prm_bounds[1]:
            raise ValueError("prm_bounds: the first is above the second")
        return self

    def role(self, name: RoleName) -> Role:
        """The model of a role. Raises `ConfigError` if it has none."""
        found = getattr(self, name)
        if found is None and name == "query_writer":
            found = self.judge
        if not isinstance(found, Role):
            raise ConfigError(
                f"no model plays the role {name}",
                hint=f"add a section {name} to the configuration; `omega grounded init` writes a template",
            )
        return found


def read_settings(path: Path) -> GroundedSettings:
    """The settings in a YAML file.

    Raises:
        ConfigError: It cannot be read, or a setting is unknown or has a wrong value; each is named.
    """
    try:
        said = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror or error}",
            hint="`omega grounded init` writes a template",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not YAML: {' '.join(str(error).split())}", hint="compare it with the template"
        ) from error
    if not isinstance(said, dict):
        raise ConfigError(f"{path} holds no settings", hint="compare it with the template")
    try:
        return GroundedSettings.model_validate(said)
    except ValidationError as error:
        faults = "; ".join(
            ": ".join(
                filter(None, [".".join(map(str, fault["loc"])), fault["msg"][:1].lower() + fault["msg"][1:]])
            )
            for fault in error.errors()
        )
        raise ConfigError(f"{path}: {faults}", hint="compare it with the template") from error


def template() -> str:
    """The commented template of such a file."""
    return files("omega_fast.grounded").joinpath("config.example.yaml").read_text("utf-8")
