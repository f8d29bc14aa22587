"""Servers from start to end: started in turn, tested, watched, and stopped all together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from omega_fast.errors import BackendError
from omega_fast.serving.checks import check, check_port
from omega_fast.serving.plan import Plan
from omega_fast.serving.processes import Server, kill_all, stop_all
from omega_fast.serving.waiting import check_alive, wait_until_ready

__all__ = ["Served", "serve"]

_LOOK_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Served:
    """How it went, where nothing failed: `ready` if all servers answered before they were stopped."""

    ready: bool
    seconds: float


def serve(
    plan: Plan,
    *,
    stop: Event,
    on_ready: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
) -> Served:
    """Run the servers of a plan until `stop` is set; none of their processes is left afterwards.

    A `KeyboardInterrupt` kills them at once.

    Args:
        plan: What to start.
        stop: Ends all servers; each has the plan's grace period.
        on_ready: Called once all answer.
        say: Told what happens, in words.

    Raises:
        ConfigError: Something is in the way; nothing was started, or what was is stopped.
        BackendError: vLLM is missing, or a server ended, did not answer in time or answered wrongly.
    """
    check(plan)
    started = time.monotonic()
    servers: list[Server] = []
    ready = False
    try:
        ready = _start(plan, servers, stop, say)
        if ready:
            on_ready()
        while ready and not stop.wait(_LOOK_EVERY) and check_alive(servers, stop):
            pass
    except BackendError:
        alive = [server for server in servers if server.ended() is None]
        if alive:
            say(f"stopping {' and '.join(server.plan.part for server in alive)}")
        raise
    except KeyboardInterrupt:
        kill_all(servers)
        raise
    finally:
        _end(servers, plan.grace_period)
    return Served(ready, time.monotonic() - started)


def _start(plan: Plan, servers: list[Server], stop: Event, say: Callable[[str], None]) -> bool:
    """Start servers, one after the other has loaded or all together; whether all answer."""
    turns = [plan.servers] if plan.together else [(server,) for server in plan.servers]
    for turn in turns:
        new = []
        for each in turn:
            check_port(each, plan.key)  # again: vLLM may share a port that another vLLM has taken meanwhile
            new.append(Server(each, plan.key, plan.grace_period))
            servers.append(new[-1])
            say(f"{each.part}: loading {each.source}, log {each.log}")
        if not wait_until_ready(new, servers, plan.key, seconds=plan.start_timeout, stop=stop, say=say):
            return False
    return True


def _end(servers: list[Server], grace: float) -> None:
    try:
        stop_all(servers, grace)
    except KeyboardInterrupt:
        kill_all(servers)
        raise
