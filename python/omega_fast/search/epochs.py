"""Rates learnt across questions: written to the log when they are new, checked against it when they are not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from omega_fast.errors import StoreError

__all__ = ["Epochs"]


class Epochs:
    """The epochs of a run, as records of kind `epoch`.

    A record is `{"epoch", "questions", "weights", ...terms}`. Weights follow from the responses of the first
    questions, the verifier and the budgets; so a record speaks of runs with the same terms alone.

    Args:
        terms: What a record must agree with to be compared: the verifier version and the budgets.
        recorded: The records of the log.
    """

    def __init__(
        self, terms: Mapping[str, Any] | None = None, recorded: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self._terms = dict(terms or {})
        self._recorded = {
            body["epoch"]: body["weights"]
            for body in recorded
            if all(body.get(name) == value for name, value in self._terms.items())
        }
        self._new: list[dict[str, Any]] = []

    def learnt(self, epoch: int, questions: int, weights: str) -> None:
        """Take note of an epoch and its weights, as JSON.

        Raises:
            StoreError: If the log says otherwise.
        """
        learnt = orjson.loads(weights)
        recorded = self._recorded.get(epoch)
        if recorded is None:
            self._new.append({"epoch": epoch, "questions": questions, "weights": learnt, **self._terms})
        elif not _same(learnt, recorded):
            raise StoreError(
                f"the rates learnt in epoch {epoch} are not those in the log",
                hint="replay the run with the version of omega_fast that made it",
            )

    def take_new(self) -> list[dict[str, Any]]:
        """The bodies of the records that the log lacks; each is given once."""
        new, self._new = self._new, []
        return new


def _same(learnt: Mapping[str, list[float]], recorded: Mapping[str, list[float]]) -> bool:
    """Whether two sets of weights are equal, but for the last digits another machine may give."""
    return learnt.keys() == recorded.keys() and all(
        len(learnt[name]) == len(recorded[name])
        and all(math.isclose(a, b, abs_tol=1e-9) for a, b in zip(learnt[name], recorded[name], strict=True))
        for name in learnt
    )
