"""A token classifier behind the `/pooling` of a vLLM server: the probability of one class at chosen tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from omega_fast.backends.openai_wire import MalformedAnswerError
from omega_fast.backends.server_asking import ServerAsking
from omega_fast.backends.server_settings import ServedModel
from omega_fast.backends.token_classes import TokenClasses

__all__ = ["PoolingServer"]

_OFF_BY = 1e-2
"""How far probabilities may add up to something else than 1: half precision is that coarse."""


class PoolingServer:
    """A served model that tells for every token how probable each of its classes is.

    Token ids go out, so that scores stand at exactly these tokens; one request a sequence.

    Args:
        settings: Which server and model.
        classes: What the model tells.

    Raises:
        BackendError: The server does not answer, does not serve the model, has no `/pooling`, or its answer is not
            that of such a model.
        ConfigError: The address or the key cannot be used.
    """

    def __init__(self, settings: ServedModel, classes: TokenClasses) -> None:
        self._classes = classes
        self._server = ServerAsking(settings)
        # vLLM has it beside /v1; the client resolves the dots
        self._path = ("/.." if self._server.url.endswith("/v1") else "") + "/pooling"
        try:
            body, read = self._request(classes.ids, classes.positions)
            self._server.begin(self._path, body, read)
        except BaseException:
            self.close()
            raise

    @property
    def context(self) -> int | None:
        """Most tokens of a sequence; `None` if the server does not say."""
        return self._server.context

    def start(self, ids: Sequence[int], positions: Sequence[int]) -> Future[list[float]]:
        """The probability of the class at each position, in order. Fails as `ServerAsking.ask` does."""
        return self._server.ask(self._path, *self._request(ids, positions))

    def counts(self) -> Mapping[str, int]:
        """Tries after the first, and answers lost after they may have been paid for."""
        return self._server.counts()

    def close(self) -> None:
        """Drop all requests and connections. May be called twice."""
        self._server.close()

    def _request(self, ids: Sequence[int], positions: Sequence[int]) -> tuple[dict[str, Any], Any]:
        body: dict[str, Any] = {"task": "token_classify", "input": list(ids), "use_activation": True}
        if self._server.model is not None:
            body["model"] = self._server.model
        return body, partial(
            _read,
            tokens=len(ids),
            positions=positions,
            classes=self._classes.count,
            may_be_marked=self._classes.marker is not None,
        )


def _read(
    body: Any, *, tokens: int, positions: Sequence[int], classes: int, may_be_marked: bool
) -> list[float]:
    """The probability of the last class at each position. Raises `MalformedAnswerError`.

    If `may_be_marked`, the rows may be those of the positions alone.
    """
    try:
        (only,) = body["data"]
        rows = only["data"]
    except (KeyError, TypeError, ValueError):
        raise MalformedAnswerError("the answer does not hold the scores of one sequence") from None
    if may_be_marked and isinstance(rows, list) and len(rows) == len(positions):
        return [_probability(row, classes) for row in rows]
    if not isinstance(rows, list) or len(rows) != tokens:
        found = f"{len(rows)} tokens" if isinstance(rows, list) else "something else"
        raise MalformedAnswerError(f"the answer scores {found} instead of {tokens} tokens")
    return [_probability(rows[at], classes) for at in positions]


def _probability(row: Any, classes: int) -> float:
    if not isinstance(row, list) or len(row) != classes:
        found = f"{len(row)} numbers" if isinstance(row, list) else "something else"
        raise MalformedAnswerError(f"the answer has {found} for a token of a model with {classes} classes")
    for each in row:
        if isinstance(each, bool) or not isinstance(each, int | float) or not math.isfinite(each):
            raise MalformedAnswerError(f"the answer has {each!r} where a score should stand")
    if not all(0 <= each <= 1 for each in row) or (classes > 1 and abs(sum(row) - 1) > _OFF_BY):
        raise MalformedAnswerError(f"the answer has {row} where probabilities should stand")
    return float(row[-1])
