"""From settings to what would be started: one command, environment, place and log file a server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omega_fast.backends.openai_key import ApiKey, read_key
from omega_fast.backends.vllm_adapter import open_adapter
from omega_fast.backends.vllm_arguments import BATCHED_TOKENS, lora_rank
from omega_fast.errors import ConfigError
from omega_fast.serving.checkpoint import ServedCheckpoint, Task, look_at
from omega_fast.serving.placement import Placement, place, visible_gpus
from omega_fast.serving.settings import ModelSettings, Part, ServeSettings

__all__ = ["KEY_VARIABLE", "Plan", "ServerPlan", "make_plan"]

KEY_VARIABLE = "VLLM_API_KEY"
"""Where vLLM looks for the key that it asks for."""

# The `vllm` script asks for the metadata of a package called vllm, which builds under other names lack.
_MODULE = "vllm.entrypoints.openai.api_server"
_CPU_CACHE_BYTES = 4 << 30
_BIND = "VLLM_CPU_OMP_THREADS_BIND"
_ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - recognised here, not listened at


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """One server.

    Attributes:
        part: What it is for.
        task: Whether it writes or scores.
        name: The name requests use.
        source: Folder or hub name of its model, where its tokenizer is too.
        host: Address it listens at.
        port: Its port.
        placement: Its GPUs and its share of their memory.
        command: Program and arguments; holds no key.
        environment: Variables added to this process's own; hold no key.
        log: Where its output goes.
    """

    part: Part
    task: Task
    name: str
    source: str
    host: str
    port: int
    placement: Placement
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path

    @property
    def local_host(self) -> str:
        """The address at which this machine reaches it."""
        return "127.0.0.1" if self.host in _ANYWHERE else self.host

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "part": self.part,
            "task": self.task,
            "name": self.name,
            "model": self.source,
            "host": self.host,
            "port": self.port,
            "gpus": list(self.placement.devices),
            "memory": self.placement.memory,
            "command": list(self.command),
            "environment": dict(self.environment),
            "log": str(self.log),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """All servers, and how they are started and stopped.

    Attributes:
        servers: One or two, in the order in which they are started.
        together: Whether they may load at the same time: vLLM measures the free memory of a device while it loads.
        python: The interpreter that runs vLLM.
        key: What the servers ask for; may be empty.
        key_variable: Where it was found.
        start_timeout: Seconds one may take until it answers.
        grace_period: Seconds one may take to end.
    """

    servers: tuple[ServerPlan, ...]
    together: bool
    python: str
    key: ApiKey
    key_variable: str
    start_timeout: float
    grace_period: float

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values, without the key."""
        return {
            "servers": [server.to_dict() for server in self.servers],
            "together": self.together,
            "key_from": self.key_variable if self.key else None,
        }


def make_plan(
    settings: ServeSettings, *, visible: tuple[str, ...] | None = None, env: Mapping[str, str] | None = None
) -> Plan:
    """What `settings` come to on this machine; starts nothing and needs no vLLM.

    Args:
        settings: What was asked for.
        visible: The GPUs that can be used; looked up by default.
        env: The environment; that of the process by default.

    Raises:
        ConfigError: A model cannot be served, the key is missing, or memory shares add up to more than 1.
        BackendError: An adapter cannot be read.
    """
    env = os.environ if env is None else env
    models = settings.models
    checkpoints = {part: look_at(part, model) for part, model in models.items()}
    placements = place(models, visible_gpus(env) if visible is None else visible)
    python = str(settings.python or sys.executable)
    on_cpu = [part for part in models if not placements[part].gpus]
    servers = tuple(
        ServerPlan(
            part=part,
            task=checkpoints[part].task,
            name=checkpoints[part].name,
            source=checkpoints[part].source,
            host=settings.host,
            port=model.port,
            placement=placements[part],
            command=(
                python,
                "-m",
                _MODULE,
                *_flags(_arguments(settings.host, model, checkpoints[part], placements[part])),
            ),
            environment=_environment(placements[part], env, n_on_cpu=len(on_cpu)),
            log=settings.log_dir / f"{part}-{model.port}.log",
        )
        for part, model in models.items()
    )
    devices = [each for part in models for each in placements[part].devices]
    return Plan(
        servers=servers,
        together=len(set(devices)) == len(devices) and len(on_cpu) < 2,
        python=python,
        key=_key(settings.api_key_env, env),
        key_variable=settings.api_key_env or KEY_VARIABLE,
        start_timeout=settings.start_timeout,
        grace_period=settings.grace_period,
    )


def _key(variable: str | None, env: Mapping[str, str]) -> ApiKey:
    key = read_key(variable or KEY_VARIABLE, env)
    if variable is not None and not key:
        raise ConfigError(
            f"api_key_env: {variable} is not set, or empty",
            hint=f"put the key into it: read -rs {variable} && export {variable}; or leave --api-key-env out",
        )
    return key


def _environment(placement: Placement, env: Mapping[str, str], *, n_on_cpu: int) -> dict[str, str]:
    added = {
        "CUDA_VISIBLE_DEVICES": ",".join(placement.devices),
        "PYTHONSAFEPATH": "1",  # a file of the current folder called like a library must not be imported
        "PYTHONUNBUFFERED": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    if not placement.devices and n_on_cpu > 1 and _BIND not in env:
        added[_BIND] = "nobind"  # or both would bind their threads to the same cores
    return added


def _arguments(
    host: str, model: ModelSettings, checkpoint: ServedCheckpoint, placement: Placement
) -> dict[str, Any]:
    """The arguments of vLLM by their names; `engine_args` go over those that are no setting."""
    replicas = len(placement.gpus) // (
        model.tensor_parallel_size * int(model.engine_args.get("pipeline_parallel_size", 1))
    )
    name = checkpoint.name
    arguments: dict[str, Any] = {
        "model": checkpoint.source,
        "served_model_name": f"{name}-base" if model.adapter else name,
        "host": host,
        "port": model.port,
        "dtype": model.dtype if model.dtype != "auto" else (checkpoint.dtype or "auto"),
        # A pickle can run code.
        "load_format": "safetensors",
        # A line for each request would be most of the log.
        "disable_uvicorn_access_log": True,
    }
    if checkpoint.task == "score":
        arguments["runner"] = "pooling"
    if model.max_context is not None:
        arguments["max_model_len"] = model.max_context
    if model.tensor_parallel_size > 1:
        arguments["tensor_parallel_size"] = model.tensor_parallel_size
    if replicas > 1:
        arguments["data_parallel_size"] = replicas
    if placement.memory is not None:
        arguments["gpu_memory_utilization"] = placement.memory
    if model.revision is not None:
        arguments["revision"] = model.revision
    if model.trust_remote_code:
        arguments["trust_remote_code"] = True
    if model.adapter is not None:
        adapter = open_adapter(model.adapter)
        arguments |= {
            "enable_lora": True,
            "max_lora_rank": lora_rank(adapter.rank),
            "lora_modules": [f"{name}={adapter.path}"],
        }
    if not placement.gpus:
        arguments |= _on_a_cpu(model, checkpoint, placement)
    return arguments | model.engine_args


def _on_a_cpu(model: ModelSettings, checkpoint: ServedCheckpoint, placement: Placement) -> dict[str, Any]:
    context = model.max_context or checkpoint.context or 0
    # vLLM dies on a CPU when it splits the prompt of a request with a seed: prompts are computed whole.
    arguments: dict[str, Any] = {
        "enforce_eager": True,
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(BATCHED_TOKENS, context),
    }
    if model.dtype == "auto":
        arguments["dtype"] = "float32"
    if placement.memory is None and "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
        arguments["kv_cache_memory_bytes"] = _CPU_CACHE_BYTES
    return arguments


def _flags(arguments: Mapping[str, Any]) -> list[str]:
    """Arguments as flags: `True` and `False` as `--x` and `--no-x`, lists as several values, mappings as JSON."""
    flags: list[str] = []
    for name, value in arguments.items():
        dashed = name.replace("_", "-")
        match value:
            case True:
                flags.append(f"--{dashed}")
            case False:
                flags.append(f"--no-{dashed}")
            case None:
                continue
            case dict():
                flags += [f"--{dashed}", json.dumps(value)]
            case list() | tuple():
                flags += [f"--{dashed}", *map(str, value)]
            case str() if value.startswith("-"):
                flags.append(f"--{dashed}={value}")
            case _:
                flags += [f"--{dashed}", str(value)]
    return flags
