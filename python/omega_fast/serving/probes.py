"""Questions to a server on this machine over plain HTTP: is it up, what does it serve, does it work."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any

from omega_fast.backends.openai_key import ApiKey
from omega_fast.serving.checkpoint import Task

__all__ = ["Answer", "ask", "request_of", "served_names"]

_QUICK = 5.0
_MOST_BYTES = 1 << 22

Answer = tuple[int, bytes]
"""Status and body; status 0 if nobody answered."""


def ask(host: str, port: int, path: str, key: ApiKey, body: Any = None, *, timeout: float = _QUICK) -> Answer:
    """One request without proxies and redirects: POST if there is a body, else GET. Raises nothing."""
    headers = {"Content-Type": "application/json", **key.headers()}
    payload = None if body is None else json.dumps(body).encode()
    try:
        with closing(http.client.HTTPConnection(host, port, timeout=timeout)) as connection:
            connection.request("GET" if payload is None else "POST", path, payload, headers)
            response = connection.getresponse()
            return response.status, response.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error).encode()


def served_names(host: str, port: int, key: ApiKey, *, timeout: float = _QUICK) -> list[str] | None:
    """The models that a server there says it serves; `None` if there is none, or it wants another key."""
    status, body = ask(host, port, "/v1/models", key, timeout=timeout)
    try:
        return (
            [str(model["id"]) for model in json.loads(body)["data"]] if status == http.HTTPStatus.OK else None
        )
    except (ValueError, KeyError, TypeError):
        return None


def request_of(task: Task, name: str) -> tuple[str, dict[str, Any]]:
    """Path and body of the smallest request that makes a model work: one token in, one token or score out."""
    if task == "score":
        return "/pooling", {"model": name, "task": "token_classify", "input": [0]}
    return "/v1/completions", {"model": name, "prompt": [0], "max_tokens": 1}
