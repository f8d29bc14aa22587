"""What is said of servers: how to try them, how to use them, and why one ended."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
from collections.abc import Iterator, Sequence

from omega_fast.config.schema import EMBEDDED_POLICY, LEDGER
from omega_fast.errors import BackendError
from omega_fast.serving.plan import KEY_VARIABLE, Plan, ServerPlan
from omega_fast.serving.probes import request_of

__all__ = [
    "address_of",
    "died",
    "ended_with",
    "late",
    "loading",
    "quoted",
    "recipe_of",
    "shell_command",
    "usage_of",
]

_CAUSES = (
    (r"No module named 'vllm'|No module named vllm", "install vLLM, or set --python"),
    (r"out of memory|OutOfMemory", "lower --{part}-memory or --{part}-max-context, or use more GPUs"),
    (
        r"Free memory on device|less than desired|KV cache|kv cache",
        "change --{part}-memory, lower --{part}-max-context, or end what else uses the device",
    ),
    (r"Address already in use", "set --{part}-port to a free port"),
    (
        r"Illegal instruction|SIGILL",
        "this CPU lacks instructions for that precision: set --{part}-dtype float32",
    ),
    (r"unrecognized arguments|invalid choice|expected one argument", "check --{part}-engine-args"),
)
_EXAMPLE = "x is 7 . y is 6 . a y take 5 . ?"
_SIGNAL = 128

_TALK = re.compile(r"\b(DEBUG|INFO|WARNING)\b|Warning:")
_FAULT = re.compile(r"\b(ERROR|CRITICAL)\b|\b\w*(Error|Exception)\b")
_LONGEST_LINE = 160


def loading(plan: ServerPlan, seconds: float, last: Sequence[str]) -> str:
    """How long a server has been loading and where its log is, with the `last` line of that if it is an error."""
    faults = [line[:_LONGEST_LINE] for line in last if _FAULT.search(line) and not _TALK.search(line)]
    return "; ".join([f"{plan.part}: loading for {seconds:.0f} s, log {plan.log}", *faults])


def address_of(server: ServerPlan) -> str:
    """Where the API of a server begins, as the machines that may use it reach it."""
    host = socket.gethostname() if server.local_host != server.host else server.host
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"


def recipe_of(plan: Plan) -> str:
    """How to try the servers and how to use them: lines for a shell."""
    lines: list[str] = []
    for server in plan.servers:
        lines += [
            f"# {server.part}: {server.name} on {address_of(server)}, log {server.log}",
            *usage_of(plan, server),
            "",
        ]
    return "\n".join(lines).rstrip()


def usage_of(plan: Plan, server: ServerPlan) -> Iterator[str]:
    """A request to a server, and for one that writes the run that uses it."""
    path, body = request_of(server.task, server.name)
    if server.task == "score":
        body["input"] = _EXAMPLE
    else:
        body |= {"prompt": _EXAMPLE, "max_tokens": 32, "return_token_ids": True}
    # printf is part of the shell, so the key is in no command line that others see
    key = f"printf 'Authorization: Bearer %s' \"${plan.key_variable}\" | " if plan.key else ""
    header = " -H @-" if plan.key else ""
    yield (
        f"{key}curl -sS {address_of(server)}{path}{header} -H 'Content-Type: application/json' "
        f"-d {shlex.quote(json.dumps(body))}"
    )
    if server.task == "generate" and server.part == "policy":
        yield shlex.join(_annotate(plan, server))


def _annotate(plan: Plan, server: ServerPlan) -> list[str]:
    questions = LEDGER if server.name == EMBEDDED_POLICY else "questions.jsonl"
    words = ["omega", "annotate", "--question-file", questions, "--model-type", "openai"]
    words += ["--base-url", f"{address_of(server)}/v1", "--model-name", server.name]
    if server.source != server.name:
        words += ["--tokenizer", server.source]
    if plan.key:
        words += ["--api-key-env", plan.key_variable]
    return [*words, "--output-dir", "run"]


def shell_command(plan: Plan, server: ServerPlan) -> str:
    """How a server would be started, as a command for a shell; the key is named and not shown."""
    words = [f"{name}={shlex.quote(value)}" for name, value in server.environment.items()]
    if plan.key:
        words.append(f'{KEY_VARIABLE}="${plan.key_variable}"')
    lines = [" ".join(words), shlex.join(server.command[:3])]
    for word in server.command[3:]:
        if word.startswith("--"):
            lines.append(f"  {shlex.quote(word)}")
        else:
            lines[-1] += f" {shlex.quote(word)}"
    lines.append(f"  >> {shlex.quote(str(server.log))} 2>&1")
    return " \\\n".join(lines)


def died(server: ServerPlan, code: int, seconds: float, lines: Sequence[str]) -> BackendError:
    """A server that ended by itself."""
    return BackendError(
        f"{server.part}: the server on port {server.port} {ended_with(code)} after {seconds:.0f} s\n"
        + quoted(server, lines),
        hint=_remedy(server, code, lines),
    )


def late(server: ServerPlan, seconds: float, lines: Sequence[str]) -> BackendError:
    """A server that does not answer."""
    return BackendError(
        f"{server.part}: no answer on port {server.port} within {seconds:g} s\n" + quoted(server, lines),
        hint="raise --start-timeout if it is still loading",
    )


def ended_with(code: int | None) -> str:
    """An exit code in words.

    >>> ended_with(1), ended_with(137)
    ('ended with exit code 1', 'was killed by SIGKILL')
    """
    try:
        return f"was killed by {signal.Signals((code or 0) - _SIGNAL).name}"
    except ValueError:
        return f"ended with exit code {code}"


def quoted(server: ServerPlan, lines: Sequence[str]) -> str:
    """The end of a log, and where it is."""
    if not lines:
        return f"its log {server.log} is empty"
    return "\n".join([f"its log {server.log} ends:", *(f"  | {line}" for line in lines)])


def _remedy(server: ServerPlan, code: int, lines: Sequence[str]) -> str:
    text = "\n".join(lines)
    if code == _SIGNAL + signal.SIGILL:
        text = "SIGILL"
    for pattern, remedy in _CAUSES:
        if re.search(pattern, text):
            return remedy.format(part=server.part)
    if code == _SIGNAL + signal.SIGKILL:
        return "something killed it; if that was the system for lack of memory, give it less to hold"
    return f"the first error in {server.log} is the cause"
