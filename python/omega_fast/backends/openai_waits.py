"""How long to wait before a request is tried again."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

__all__ = ["RetryPolicy", "retry_after_s"]

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What a request may cost in tries and waiting.

    Attributes:
        retries: Further tries of one request, whatever the reason.
        first_wait_s: Seconds before the second try; each further wait is twice as long.
        longest_wait_s: Seconds that no wait exceeds.
    """

    retries: int
    first_wait_s: float
    longest_wait_s: float

    def wait_s(self, tries: int, asked_s: float | None, chance: random.Random) -> float:
        """Seconds to wait after `tries` tries: between half and all of the backoff, or longer if asked for."""
        backoff = min(self.first_wait_s * 2.0 ** min(tries - 1, 60), self.longest_wait_s)
        return max(backoff * chance.uniform(0.5, 1.0), asked_s or 0.0)


def retry_after_s(header: str | None, now: float) -> float | None:
    """Seconds a `Retry-After` header asks for, given as seconds or as a date (RFC 9110, 10.2.3).

    >>> retry_after_s("5", 0.0), retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", 20.0)
    (5.0, 40.0)
    >>> retry_after_s("soon", 0.0), retry_after_s("-1", 0.0), retry_after_s("inf", 0.0)
    (None, None, None)
    """
    said = (header or "").strip()
    if _SECONDS.fullmatch(said):
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - now)
    except (ValueError, OverflowError):
        return None
