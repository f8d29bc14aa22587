"""The key of a server: read from the environment by name, sent with requests, and shown nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from omega_fast.errors import ConfigError

__all__ = ["ApiKey", "read_key"]

_HIDDEN = "[key]"
_SENDABLE = re.compile(r"[!-~]+")


class ApiKey:
    """A key that only `headers` and `environment` give away; an empty one, which is false, sends nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"ApiKey({_HIDDEN if self._value else ''})"

    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def __bool__(self) -> bool:
        return bool(self._value)

    def environment(self, variable: str) -> dict[str, str]:
        """What a process that is to ask for the key gets in its environment, under that name."""
        return {variable: self._value} if self._value else {}

    def scrubbed(self, text: str) -> str:
        """A text from outside with the key taken out: servers repeat what they refuse."""
        return text.replace(self._value, _HIDDEN) if self._value else text


def read_key(variable: str, env: Mapping[str, str] | None = None) -> ApiKey:
    """The key in an environment variable; an empty one if it is not set.

    Raises `ConfigError`, which does not show it, for a key that no header can carry.
    """
    value = (os.environ if env is None else env).get(variable, "").strip()
    if value and not _SENDABLE.fullmatch(value):
        raise ConfigError(
            f"the key in {variable} holds blanks or characters that a header cannot carry",
            hint=f"set {variable} to the key alone",
        )
    return ApiKey(value)
