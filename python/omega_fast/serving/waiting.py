"""The time between the start of a server and its first answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from threading import Event

from omega_fast.backends.openai_key import ApiKey
from omega_fast.errors import BackendError
from omega_fast.serving.messages import died, ended_with, late, loading, quoted
from omega_fast.serving.probes import ask, request_of, served_names
from omega_fast.serving.processes import Server

__all__ = ["check_alive", "wait_until_ready"]

_EVERY = 0.5
_TELL_EVERY = 10.0
_TEST_SECONDS = 300.0
_SIGNALS_ARRIVE = 0.3

Say = Callable[[str], None]


def wait_until_ready(
    servers: Sequence[Server],
    running: Sequence[Server],
    key: ApiKey,
    *,
    seconds: float,
    stop: Event,
    say: Say,
) -> bool:
    """Wait until all of `servers` answer a request under the right name; whether they do.

    Not so if `stop` is set first. `running` are all servers that must stay alive meanwhile.

    Raises:
        BackendError: A server ended, did not answer in time, serves another name, or fails its first request.
    """
    pending = list(servers)
    told = time.monotonic()
    while pending:
        if stop.is_set() or not check_alive(running, stop):
            return False
        for server in list(pending):
            if _answers(server, key):
                say(f"{server.plan.part}: answers on port {server.plan.port} after {_age(server):.0f} s")
                pending.remove(server)
            elif _age(server) > seconds:
                raise late(server.plan, seconds, server.log_lines(15))
        if pending and time.monotonic() - told >= _TELL_EVERY:
            told = time.monotonic()
            for server in pending:
                say(loading(server.plan, _age(server), server.log_lines(1)))
        if pending:
            stop.wait(_EVERY)
    return True


def check_alive(servers: Sequence[Server], stop: Event) -> bool:
    """Whether all servers run; `False` if one has ended because all were told to.

    Raises:
        BackendError: One has ended by itself.
    """
    for server in servers:
        code = server.ended()
        if code is None:
            continue
        # A signal to the whole job reaches the servers too, perhaps before it is noticed here.
        if stop.wait(_SIGNALS_ARRIVE):
            return False
        raise died(server.plan, code, _age(server), server.log_lines(15))
    return True


def _answers(server: Server, key: ApiKey) -> bool:
    plan = server.plan
    if ask(plan.local_host, plan.port, "/health", key)[0] != HTTPStatus.OK:
        return False
    status, _ = ask(plan.local_host, plan.port, "/v1/models", key)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise BackendError(
            f"{plan.part}: the server on port {plan.port} refuses the key: it is not the one just started",
            hint=f"set --{plan.part}-port to a free port",
        )
    names = served_names(plan.local_host, plan.port, key)
    if names is None:
        return False
    if plan.name not in names:
        raise BackendError(
            f"{plan.part}: the server on port {plan.port} serves {', '.join(names) or 'nothing'}, not {plan.name}",
            hint=f"another server may have taken the port: end it, or set --{plan.part}-port",
        )
    path, body = request_of(plan.task, plan.name)
    status, answer = ask(plan.local_host, plan.port, path, key, body, timeout=_TEST_SECONDS)
    if status == HTTPStatus.OK:
        return True
    code = server.ended()
    if code is not None or status == 0:
        how = f": it {ended_with(code)}" if code is not None else ""
        reason = f"stopped at its first request{how}"
    else:
        reason = (
            f"answers its first request with {status}: {key.scrubbed(answer.decode(errors='replace'))[:300]}"
        )
    raise BackendError(
        f"{plan.part}: {plan.name} loaded, and {reason}\n" + quoted(plan, server.log_lines(15)),
        hint=f"the log says more; --{plan.part}-task says what a model is for",
    )


def _age(server: Server) -> float:
    return time.monotonic() - server.started
