"""Every setting of `omega serve`, once: those of a model, which policy and reward model both have, and the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from omega_fast.config.fields import Kind, object_from_text, setting
from omega_fast.config.schema import UNSHOWN
from omega_fast.errors import ConfigError

__all__ = ["NO_GPU", "PARTS", "ModelSettings", "Part", "ServeSettings", "read_settings"]

Part = Literal["policy", "reward"]
"""What a model is served as."""

PARTS: tuple[Part, ...] = ("policy", "reward")
"""Both, in the order in which they are started."""

NO_GPU = "none"
"""The `gpus` that stand for the CPU."""

_PORTS = {"policy": 8000, "reward": 8001}
_OWN_ARGUMENTS = {
    "model": "the model",
    "host": "host",
    "port": "port",
    "api_key": "api_key_env",
    "served_model_name": "name",
    "runner": "task",
    "dtype": "dtype",
    "max_model_len": "max_context",
    "tensor_parallel_size": "tensor_parallel_size",
    "gpu_memory_utilization": "memory",
    "enable_lora": "adapter",
    "lora_modules": "adapter",
    "revision": "revision",
    "trust_remote_code": "trust_remote_code",
}
_NOT_SERVED = ("uds", "root_path", "headless", "ssl_keyfile", "ssl_certfile", "ssl_ca_certs", "ssl_cert_reqs")

_model = partial(setting, kind=Kind.OPERATIONAL, group="Model")
_servers = partial(setting, kind=Kind.OPERATIONAL, group="Servers")


class ModelSettings(BaseModel):
    """How one model is served."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, protected_namespaces=())

    model: str = _model(..., "Folder or hub name; 'ledger-policy' is the embedded policy", min_length=1)
    port: int = _model(..., "Port (default: 8000 for the policy, 8001 for the reward model)", ge=1, le=65535)
    name: str | None = _model(
        None, "Name it is served under; none for the folder's, or the hub name", min_length=1
    )
    task: Literal["auto", "generate", "score"] = _model(
        "auto", "Write text or score tokens; 'auto' looks at the checkpoint's architecture"
    )
    gpus: tuple[int, ...] | None = _model(
        None,
        "GPUs such as 0,1, counted among the visible ones; 'none' for the CPU; by default the first free",
    )
    memory: float | None = _model(
        None,
        "Share of each GPU's memory; by default vLLM's own, or equal parts of .9 on a GPU with two models",
        gt=0,
        le=1,
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = _model(
        "auto", "Precision; 'auto' is the checkpoint's own, and float32 on a CPU"
    )
    max_context: int | None = _model(None, "Most tokens of a sequence; none for the model's own limit", ge=2)
    tensor_parallel_size: int = _model(1, "GPUs that share one copy of the model", ge=1)
    adapter: Path | None = _model(
        None, "Folder of a LoRA adapter; it gets the name, the bare model NAME-base"
    )
    revision: str | None = _model(None, "Branch, tag or commit of a hub name")
    trust_remote_code: bool = _model(False, "Run Python code that comes with the model")
    engine_args: dict[str, Any] = _model({}, "Further arguments of vLLM by its names, as a JSON object")

    @field_validator("gpus", mode="before")
    @classmethod
    def _read_numbers(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.strip() == NO_GPU:
            return ()
        if not re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", value):
            raise ValueError("write numbers such as 0 or 0,1, or 'none' for the CPU")
        return tuple(int(number) for number in value.split(","))

    @field_validator("gpus")
    @classmethod
    def _are_different(cls, gpus: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if gpus is not None and len(set(gpus)) < len(gpus):
            raise ValueError("a GPU is named twice: name each once")
        return gpus

    @field_validator("engine_args", mode="before")
    @classmethod
    def _read_from_json(cls, value: object) -> object:
        return object_from_text(value)

    @field_validator("engine_args")
    @classmethod
    def _leave_the_rest(cls, given: dict[str, Any]) -> dict[str, Any]:
        given = {name.removeprefix("--").replace("-", "_"): value for name, value in given.items()}
        for name in given:
            if name in _OWN_ARGUMENTS:
                raise PydanticCustomError(
                    UNSHOWN, f"{name} is a setting of its own: set {_OWN_ARGUMENTS[name]} instead"
                )
            if name in _NOT_SERVED:
                raise PydanticCustomError(
                    UNSHOWN,
                    f"{name} is not for omega serve, which asks its servers over plain HTTP: leave it out",
                )
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
        copies_of = self.tensor_parallel_size * int(self.engine_args.get("pipeline_parallel_size", 1))
        if self.gpus and len(self.gpus) % copies_of:
            raise ValueError(
                f"{len(self.gpus)} GPUs do not hold whole copies of {copies_of} GPUs each: "
                "give a multiple, or lower tensor_parallel_size"
            )
        return self


class ServeSettings(BaseModel):
    """Which models are served, and how all servers are run."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    policy: ModelSettings | None = _servers(None, "The model that writes steps")
    reward: ModelSettings | None = _servers(None, "The model that scores them")
    host: str = _servers("127.0.0.1", "Address to listen at; 0.0.0.0 lets other machines in", min_length=1)
    api_key_env: str | None = _servers(
        None,
        "Environment variable with the key that the servers ask for; by default VLLM_API_KEY, if that is set",
        pattern=r"^[A-Z_][A-Z0-9_]*$",
    )
    log_dir: Path = _servers(
        Path("serve_logs"), "Folder of the log files, one a server; they are appended to"
    )
    start_timeout: float = _servers(
        1800.0, "Seconds a server may take until it answers", gt=0, allow_inf_nan=False
    )
    grace_period: float = _servers(
        15.0, "Seconds to wait for a server to end once asked", ge=0, allow_inf_nan=False
    )
    python: Path | None = _servers(
        None, "Python interpreter of an environment that has vLLM; by default this one"
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.policy is None and self.reward is None:
            raise ValueError("there is nothing to serve: name a model with --policy or --reward")
        if self.policy and self.reward and self.policy.port == self.reward.port:
            raise ValueError(
                f"policy and reward model have the same port {self.policy.port}: give one of them another"
            )
        return self

    @property
    def models(self) -> dict[Part, ModelSettings]:
        """The models that are served."""
        both = {part: getattr(self, part) for part in PARTS}
        return {part: model for part, model in both.items() if model is not None}


def read_settings(values: Mapping[str, Any]) -> ServeSettings:
    """Settings by the names of their flags: `policy` and `reward` are models, `policy_port` and so on theirs.

    Raises:
        ConfigError: A value is wrong, two contradict each other, or something is said of a model that is not named.
    """
    given = dict(values)
    nested: dict[str, Any] = {}
    for part in PARTS:
        name = given.pop(part, None)
        own = [key for key in given if key.startswith(f"{part}_") and key.removeprefix(f"{part}_") in _FIELDS]
        said = {key.removeprefix(f"{part}_"): given.pop(key) for key in own}
        if name is None and said:
            raise ConfigError(f"{own[0]} is given, but no {part} is", hint=f"name a model with --{part}")
        if name is not None:
            nested[part] = {"model": name, "port": _PORTS[part], **said}
    try:
        return ServeSettings(**nested, **given)
    except ValidationError as error:
        raise _explained(error) from error


_FIELDS = frozenset(ModelSettings.model_fields)


def _explained(error: ValidationError) -> ConfigError:
    fault = error.errors(include_url=False, include_context=False)[0]
    said = str(fault["msg"]).removeprefix("Value error, ")
    said = said[0].lower() + said[1:]
    problem, _, remedy = said.rpartition(": ")
    name = "_".join(str(each) for each in fault["loc"] if each != "model")
    where = f"{name}: " if name else ""
    if fault["type"] == "string_pattern_mismatch":  # what was given may be the key itself
        return ConfigError(
            f"{where}this is no name of an environment variable",
            hint="write a name in capitals, and put the key into that variable",
        )
    return ConfigError(where + (problem or said), hint=remedy if problem else "")
