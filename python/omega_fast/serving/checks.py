"""What would keep a plan from working on this machine, found before anything is started."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil

from omega_fast.backends.openai_key import ApiKey
from omega_fast.errors import BackendError, ConfigError, OmegaError
from omega_fast.serving.plan import Plan, ServerPlan
from omega_fast.serving.probes import served_names

__all__ = ["check", "check_port", "faults"]

_HAS_VLLM = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"
_TIME_WAIT = "06"
_STRANGER_SECONDS = 2.0


def check(plan: Plan) -> None:
    """Raise for what is in the way: one error alone as it is, several as one that lists them.

    Raises:
        ConfigError: A port is taken, or a GPU is not there.
        BackendError: vLLM is not installed.
    """
    found = list(faults(plan))
    if len(found) == 1:
        raise found[0]
    if found:
        raise ConfigError(
            f"{len(found)} things are in the way:" + "".join(f"\n  {each.message}" for each in found),
            hint="; ".join(each.hint for each in found if each.hint),
        )


def faults(plan: Plan) -> Iterator[OmegaError]:
    """Everything that is in the way."""
    for server in plan.servers:
        if server.placement.missing:
            yield ConfigError(
                server.placement.missing, hint=f"set --{server.part}-gpus, or CUDA_VISIBLE_DEVICES"
            )
        if (taken := _port_fault(server, plan.key)) is not None:
            yield taken
    if (absent := vllm_fault(plan.python)) is not None:
        yield absent


def check_port(server: ServerPlan, key: ApiKey) -> None:
    """Raise `ConfigError` if the port of a server is taken or may not be used."""
    fault = _port_fault(server, key)
    if fault is not None:
        raise fault


def _port_fault(server: ServerPlan, key: ApiKey) -> ConfigError | None:
    try:
        is_free = _is_free(server.host, server.port)
    except OSError as error:
        what = f"{server.host} port {server.port} cannot be listened at: {error.strerror or error}"
        return ConfigError(f"{server.part}: {what}", hint=f"set --host or --{server.part}-port")
    if is_free:
        return None
    holder = _holder(server.port)
    names = served_names(server.local_host, server.port, key, timeout=_STRANGER_SECONDS)
    if names is None:
        what = ""
    elif server.name in names:
        what = f", where a server serves {server.name} already"
    else:
        what = f", where a server serves {', '.join(names) or 'nothing'} and not {server.name}"
    return ConfigError(
        f"{server.part}: port {server.port} is taken{holder}{what}",
        hint=f"end that program, or set --{server.part}-port to another one",
    )


def _is_free(host: str, port: int) -> bool:
    """Whether a server could listen there.

    Without SO_REUSEADDR, also a program that holds the port and does not listen yet, such as a server that
    loads its model, is in the way; but so are connections of an earlier server that time out, which are not.
    """
    if _binds(host, port, reuse=False):
        return True
    return _binds(host, port, reuse=True) and _is_timing_out(port)


def _binds(host: str, port: int, *, reuse: bool) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _is_timing_out(port: int) -> bool:
    """Whether closed connections at a local port explain that it is not quite free."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _TIME_WAIT and int(fields[1].rpartition(":")[2], 16) == port:
                    return True
    return False


def _holder(port: int) -> str:
    """Who listens at a port, as far as this user may know."""
    with suppress(psutil.Error, OSError):
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid:
                process = psutil.Process(each.pid)
                return f" by process {each.pid} ({process.name()})"
    return ""


def vllm_fault(python: str) -> BackendError | None:
    hint = (
        "pip install 'omega_fast[vllm]' in an environment of its own, or on a CPU as `make setup-vllm` does it, "
        "and name its interpreter with --python"
    )
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that is to run the servers
            [python, "-c", _HAS_VLLM],
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            capture_output=True,
            timeout=120,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return BackendError(f"{python} cannot be run: {error}", hint="set --python to a Python interpreter")
    return BackendError(f"vllm is not installed for {python}", hint=hint) if done.returncode else None
