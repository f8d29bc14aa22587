"""One HTTP exchange with an OpenAI-compatible server, and what its failure means. Nothing is tried again here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import httpx
import orjson

from omega_fast.backends.openai_key import ApiKey
from omega_fast.backends.openai_waits import retry_after_s
from omega_fast.errors import ConfigError

__all__ = ["FaultKind", "ServerClient", "ServerFault"]

_CONNECT_S = 10.0
_IDLE_S = 3.0
"""Less than the 5 s after which uvicorn hangs up: a request sent into a closing connection looks lost."""

_SHOWN = 300
_KEPT = 10_000
_RATE_LIMIT = 429
_TRANSIENT = {408, 425, _RATE_LIMIT}
_FOR_EVERYONE = {401, 403, 404, 405, 410}
_GATEWAY_TIMEOUT = 504


class FaultKind(StrEnum):
    """What a failure says about the next try.

    `unreachable`: nothing was sent. `transient`: it may work later. `limited`: the server asks to slow down.
    `refused`: this request will never work. `fatal`: nor will any other.
    """

    UNREACHABLE = "unreachable"
    TRANSIENT = "transient"
    LIMITED = "limited"
    REFUSED = "refused"
    FATAL = "fatal"


class ServerFault(Exception):  # noqa: N818 - it is judged and mostly mended, not shown
    """A failed exchange.

    Attributes:
        kind: What it says about the next try.
        status: The HTTP status; 0 if there was none.
        may_be_paid: Whether the server may have done the work whose answer did not come.
        retry_after: Seconds the server asks to wait; `None` if it does not say, or says nothing sensible.
        body: What the server wrote, without the key.
    """

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        *,
        status: int = 0,
        may_be_paid: bool = False,
        retry_after: float | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.may_be_paid = may_be_paid
        self.retry_after = retry_after
        self.body = body


class ServerClient:
    """A connection pool to one server.

    Args:
        base_url: Where the API begins, such as `http://localhost:8000/v1`; without a path, `/v1` is added.
        key: What it asks for.
        timeout_s: Seconds an exchange may take from first to last byte.
        connections: Kept open for the next request.

    Raises:
        ConfigError: The address is no http(s) address, or it holds a password or a query.
    """

    def __init__(self, base_url: str, key: ApiKey, *, timeout_s: float, connections: int) -> None:
        self.url = _address(base_url)
        self._key = key
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(
            headers={"Content-Type": "application/json", **key.headers()},
            timeout=httpx.Timeout(None, connect=min(_CONNECT_S, timeout_s)),
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=connections, keepalive_expiry=_IDLE_S
            ),
        )

    async def get(self, path: str) -> Any:
        """The JSON at a path below the base. Raises `ServerFault`."""
        return await self._exchange("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that answers a JSON body. Raises `ServerFault`."""
        return await self._exchange("POST", path, orjson.dumps(body))

    async def close(self) -> None:
        """Drop all connections."""
        await self._http.aclose()

    async def _exchange(self, method: str, path: str, content: bytes | None) -> Any:
        # No fault is chained to its cause: a library's error may quote the headers, and the key with them.
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._http.request(method, self.url + path, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._transport_fault(FaultKind.UNREACHABLE, error, may_be_paid=False) from None
        except TimeoutError:
            raise ServerFault(
                FaultKind.TRANSIENT, f"no answer within {self._timeout_s:g} s", may_be_paid=True
            ) from None
        except httpx.RequestError as error:
            raise self._transport_fault(FaultKind.TRANSIENT, error, may_be_paid=True) from None
        if response.status_code != httpx.codes.OK:
            raise self._status_fault(response)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise ServerFault(
                FaultKind.TRANSIENT, "the answer is not JSON", status=response.status_code, may_be_paid=True
            ) from None

    def _transport_fault(self, kind: FaultKind, error: Exception, *, may_be_paid: bool) -> ServerFault:
        said = self._key.scrubbed(f"{type(error).__name__}: {error}".removesuffix(": "))
        return ServerFault(kind, said[:_SHOWN], may_be_paid=may_be_paid)

    def _status_fault(self, response: httpx.Response) -> ServerFault:
        status = response.status_code
        body = self._key.scrubbed(response.content[:_KEPT].decode("utf-8", "replace"))
        if status == _RATE_LIMIT:
            kind = FaultKind.LIMITED
        elif status in _TRANSIENT or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            kind = FaultKind.TRANSIENT
        elif status in _FOR_EVERYONE or status < httpx.codes.BAD_REQUEST:
            kind = FaultKind.FATAL
        else:
            kind = FaultKind.REFUSED
        return ServerFault(
            kind,
            f"HTTP {status}: {_said(body)}",
            status=status,
            may_be_paid=status == _GATEWAY_TIMEOUT,
            retry_after=retry_after_s(response.headers.get("Retry-After"), time.time()),
            body=body,
        )


def _address(base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise ConfigError("base_url is no address", hint="write http://host:port/v1") from None
    if url.userinfo or url.query:
        raise ConfigError(
            "base_url holds a password or a query, and it is kept with the run",
            hint="put the key into the environment variable that api_key_env names",
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"base_url {base_url!r} is no http address", hint="write http://host:port/v1")
    return str(url).rstrip("/") + ("/v1" if url.path in ("", "/") else "")


def _said(body: str) -> str:
    """The message in an error body, on one line."""
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = body
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and name in said:
            said = said[name]
    text = said if isinstance(said, str) else orjson.dumps(said).decode()
    return " ".join(text.split())[:_SHOWN] or "no message"
