"""An engine without a model: it plays back texts that were written before, by people or by another run."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from omega_fast.backends.base import Prompt
from omega_fast.backends.generations import cut_at_stop
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question, Sampling

__all__ = ["RecordedBackend", "RecordedSettings", "open_recorded"]

_SLOTS = 256


class RecordedSettings(BaseModel):
    """What to play back: the solutions of each question id, the draws from the root in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    solutions: Mapping[str, tuple[str, ...]]
    slots: int = Field(default=_SLOTS, ge=1)


def open_recorded(options: Mapping[str, Any], sampling: Sampling) -> RecordedBackend:
    """A backend for the solutions in `RecordedSettings`. Sampling has no part in it: nothing is drawn."""
    del sampling
    settings = RecordedSettings.model_validate(options)
    return RecordedBackend(settings.solutions, slots=settings.slots)


class RecordedBackend:
    """Answers every request from a recording, at once and without tokens; a `Backend`.

    Draw j of a (question id, prefix) gets its j-th text, and the seed plays no part; where requests do not say
    which draw they are, they count as draws in the order they are asked. Built by `from_generations`, the text
    is found by (question id, prefix, seed) instead. What was not recorded comes back as `FinishReason.ERROR`.
    `n_tokens` counts words.

    Args:
        solutions: Whole solutions by question id: the continuations of the empty prefix.
        continuations: Texts that go on from (question id, prefix).
        slots: What `slots` says.
        shuffle_seed: Answers of one poll come in an order drawn from it; `None` keeps the order of
            submission.
    """

    def __init__(
        self,
        solutions: Mapping[str, Sequence[str]],
        continuations: Mapping[tuple[str, str], Sequence[str]] | None = None,
        *,
        slots: int = _SLOTS,
        shuffle_seed: int | None = None,
    ) -> None:
        recorded = {(question_id, ""): tuple(texts) for question_id, texts in solutions.items()}
        recorded |= {state: tuple(texts) for state, texts in (continuations or {}).items()}
        self._recording: dict[tuple[str, str, int], str] = {
            (*state, ask): text for state, texts in recorded.items() for ask, text in enumerate(texts)
        }
        self._is_keyed_by_seed = False
        self._slots = slots
        self._asks: Counter[tuple[str, str]] = Counter()
        self._order = None if shuffle_seed is None else random.Random(shuffle_seed)  # noqa: S311
        self._answers: dict[int, Generation] = {}
        self._is_open = True

    @classmethod
    def from_generations(
        cls,
        generations: Mapping[tuple[str, str, int], str],
        *,
        slots: int = _SLOTS,
        shuffle_seed: int | None = None,
    ) -> Self:
        """Play back a run: texts by (question id, prefix, seed of the draw)."""
        backend = cls({}, slots=slots, shuffle_seed=shuffle_seed)
        backend._recording = dict(generations)
        backend._is_keyed_by_seed = True
        return backend

    @property
    def slots(self) -> int:
        """How many requests the pump should keep submitted."""
        return self._slots

    def fingerprint(self) -> Mapping[str, Any]:
        """A hash of all that is recorded, and how it is looked up."""
        digest = hashlib.sha256()
        for (question_id, prefix, index), text in sorted(self._recording.items()):
            digest.update(json.dumps([question_id, prefix, index, text]).encode() + b"\n")
        key = "seed" if self._is_keyed_by_seed else "order"
        return {"backend": "recorded", "key": key, "sha256": digest.hexdigest()}

    def prompt(self, question: Question) -> Prompt:
        """The problem itself; a recording has no tokens."""
        return Prompt(text=question.problem, token_ids=())

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        """Look the answers up; `poll` hands them out. Raises `BackendError` after `close`."""
        if not self._is_open:
            raise BackendError("the recorded backend is closed", hint="open it again")
        for request in requests:
            self._answers[request.id] = self._answer(request)

    def cancel(self, ids: Collection[int]) -> None:
        """Forget these requests; an ask that was counted stays counted."""
        for id_ in ids:
            self._answers.pop(id_, None)

    def poll(self, timeout: float) -> list[Generation]:
        """Everything submitted since the last poll; never waits."""
        del timeout
        answers = list(self._answers.values())
        self._answers.clear()
        if self._order is not None:
            self._order.shuffle(answers)
        return answers

    def close(self) -> None:
        """Forget what was not polled. May be called twice."""
        self._answers.clear()
        self._is_open = False

    def _answer(self, request: GenerationRequest) -> Generation:
        state = (request.question.id, request.prefix)
        if self._is_keyed_by_seed:
            index = request.seed
        elif request.draw is not None:
            index = request.draw
        else:
            index = self._asks[state]
            self._asks[state] += 1
        text = self._recording.get((*state, index))
        if text is not None and request.stop:
            text, _, _ = cut_at_stop(text, (), (), request.stop, include_stop=True)
        return Generation(
            id=request.id,
            text=text or "",
            token_ids=(),
            token_ends=(),
            n_tokens=len((text or "").split()),
            n_prompt_tokens=0,
            finish=FinishReason.ERROR if text is None else FinishReason.STOP,
            error="no recorded continuation" if text is None else "",
        )
