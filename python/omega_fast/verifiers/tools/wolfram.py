"""Wolfram|Alpha as a tool: its Full Results API, asked over HTTP, with a key from the environment."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from omega_fast.errors import BackendError, ConfigError
from omega_fast.verifiers.tools.base import Finding, ToolAnswer
from omega_fast.verifiers.tools.closing import Closing

__all__ = ["WolframTool"]

_URL = "https://api.wolframalpha.com/v2/query"
_SENDABLE = re.compile(r"[!-~]+")
_LONGEST_QUERY = 1000
_LONGEST_VALUE = 2000
_MOST_BYTES = 1 << 20
_OK, _RATE_LIMIT, _SERVER_FAULT = 200, 429, 500
_REFUSED = frozenset({401, 403})
_INVALID_KEY = frozenset({"1", "2"})
_RESULTS = ("Result", "DecimalApproximation", "Solution", "RealSolution", "SymbolicSolution", "Limit")
_FINDINGS = {"true": Finding.RIGHT, "false": Finding.WRONG}


class WolframTool(Closing):
    """Asks Wolfram|Alpha. Only its own `True` and `False` is a finding; any other result is a value to be judged.

    A query is sent as it is; every further try waits twice as long. Queries may be asked from many threads.

    Args:
        key_env: Name of the environment variable that holds the AppID.
        url: Where the API is.
        timeout_s: Seconds one try may take.
        retries: Further tries after a lost connection, a rate limit or a fault of the server.
        first_wait_s: Seconds before the second try.
        sleep: Waits; replaced in tests.

    Raises:
        ConfigError: The variable holds no key that can be sent.
    """

    name = "wolfram"
    version = "wolfram-tool-1 full-results-v2"
    language = "a claim or a question as Wolfram|Alpha understands it, such as: is 3/4 + 1/8 = 7/8"

    def __init__(
        self,
        *,
        key_env: str = "WOLFRAM_APP_ID",
        url: str = _URL,
        timeout_s: float = 20.0,
        retries: int = 3,
        first_wait_s: float = 1.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        key = os.environ.get(key_env, "").strip()
        if not _SENDABLE.fullmatch(key):
            raise ConfigError(
                f"there is no Wolfram|Alpha key in {key_env}",
                hint=f"set {key_env} to an AppID, or use the tool sympy, which needs none",
            )
        self._key, self._key_env, self._url = key, key_env, url
        self._retries, self._first_wait_s, self._sleep = retries, first_wait_s, sleep
        self._http = httpx.Client(timeout=timeout_s)
        self._lock = threading.Lock()
        self._gone = ""

    def check(self, query: str) -> ToolAnswer:
        """What Wolfram|Alpha says of a query. Raises `BackendError` if it refuses the key."""
        if not query.strip() or len(query) > _LONGEST_QUERY:
            return ToolAnswer(
                Finding.CANNOT_SAY, f"a query has 1 to {_LONGEST_QUERY} characters, not {len(query)}"
            )
        if self._gone:
            raise self._refusal()
        reason = ""
        for tried in range(self._retries + 1):
            if tried:
                self._sleep(self._first_wait_s * 2.0 ** (tried - 1))
            answer = self._asked(query)
            if isinstance(answer, ToolAnswer):
                return answer
            reason = answer
        return ToolAnswer(Finding.CANNOT_SAY, f"no answer after {self._retries + 1} tries: {reason}")

    def close(self) -> None:
        """Drop all connections."""
        self._http.close()

    def _asked(self, query: str) -> ToolAnswer | str:
        """The answer, or why it is worth another try."""
        fields = {"input": query, "appid": self._key, "output": "json", "format": "plaintext"}
        try:
            with self._http.stream("GET", self._url, params=fields) as response:
                status, content = response.status_code, b""
                for part in response.iter_bytes():
                    content += part
                    if len(content) > _MOST_BYTES:
                        return ToolAnswer(Finding.CANNOT_SAY, f"the answer has more than {_MOST_BYTES} bytes")
        except (httpx.HTTPError, RuntimeError, UnicodeError) as error:
            # Its text may quote the address, and the key with it
            return type(error).__name__
        if status in _REFUSED:
            self._turned_away(f"HTTP {status}")
        if status == _RATE_LIMIT or status >= _SERVER_FAULT:
            return f"HTTP {status}"
        if status != _OK:
            return ToolAnswer(Finding.CANNOT_SAY, f"HTTP {status}")
        return self._read(content)

    def _read(self, content: bytes) -> ToolAnswer | str:
        try:
            found = json.loads(content)["queryresult"]
            if fault := _fault(found):
                if str(fault.get("code")) in _INVALID_KEY:
                    self._turned_away(str(fault.get("msg", ""))[:100])
                return ToolAnswer(Finding.CANNOT_SAY, f"error {fault.get('code')}")
            if not found["success"]:
                return ToolAnswer(Finding.CANNOT_SAY, "the query is not understood")
            value = _value(found.get("pods") or [])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return ToolAnswer(Finding.CANNOT_SAY, "the answer is not in the form of the Full Results API")
        if value is None:
            return ToolAnswer(Finding.CANNOT_SAY, "there is no result among the pods")
        finding = _FINDINGS.get(value.strip().lower().rstrip("."), Finding.CANNOT_SAY)
        said = "it says so" if finding is not Finding.CANNOT_SAY else "it gives a value, and judges nothing"
        return ToolAnswer(finding, said, value[:_LONGEST_VALUE])

    def _turned_away(self, said: str) -> None:
        with self._lock:
            self._gone = said.replace(self._key, "[key]")
        raise self._refusal()

    def _refusal(self) -> BackendError:
        return BackendError(
            f"Wolfram|Alpha refuses the key: {self._gone}", hint=f"put a valid AppID into {self._key_env}"
        )


def _fault(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    fault = found.get("error")
    return fault if isinstance(fault, Mapping) else None


def _value(pods: list[Mapping[str, Any]]) -> str | None:
    """The text of the primary pod, or of the first pod that is known to hold a result."""
    by_id = {str(pod.get("id", "")): pod for pod in reversed(pods)}
    primary = [pod for pod in pods if pod.get("primary") is True]
    for pod in (*primary, *(by_id[name] for name in _RESULTS if name in by_id)):
        texts = [str(each["plaintext"]) for each in pod.get("subpods") or [] if each.get("plaintext")]
        if texts:
            return "\n".join(texts)
    return None
