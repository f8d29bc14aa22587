"""A log's draws and scores, by name, for a search that asks for them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from omega_fast.records import FinishReason, Generation, Usage
from omega_fast.search.guided.plan import Score
from omega_fast.search.guided.scheduler import DrawRequest, ScoreRequest

__all__ = ["DRAW", "SCORES", "RecordedGuidance", "draw_body", "generation_from", "scores_body"]

DRAW = "draw"
SCORES = "scores"


def draw_body(question: str, request: DrawRequest, generation: Generation) -> dict[str, Any]:
    """A continuation as a record, token for token."""
    billed = generation.usage
    usage = {} if billed is None else {"usage": [billed.prompt, billed.cached, billed.generated]}
    return {
        "question": question,
        "state": request.state,
        "draw": request.number,
        "whole": not request.to_step_end,
        "limit": request.max_new_tokens,
        "seed": request.seed,
        "text": generation.text,
        "token_ids": list(generation.token_ids),
        "token_ends": list(generation.token_ends),
        "n_tokens": generation.n_tokens,
        "n_prompt_tokens": generation.n_prompt_tokens,
        "finish": generation.finish.value,
        **usage,
    }


def scores_body(question: str, request: ScoreRequest, score: Score) -> dict[str, Any]:
    """The scores of a prefix as a record; null with a reason where there are none."""
    values = None if score.values is None else list(score.values)
    reason = {"reason": score.reason} if score.reason else {}
    return {
        "question": question,
        "state": request.state,
        "steps": len(request.steps),
        "scores": values,
        **reason,
    }


def generation_from(body: Mapping[str, Any]) -> Generation:
    """The continuation in a record."""
    return Generation(
        id=-1,
        text=body["text"],
        token_ids=tuple(body["token_ids"]),
        token_ends=tuple(body["token_ends"]),
        n_tokens=body["n_tokens"],
        n_prompt_tokens=body["n_prompt_tokens"],
        finish=FinishReason(body["finish"]),
        usage=Usage(*body["usage"]) if "usage" in body else None,
    )


class RecordedGuidance:
    """What earlier starts left, question by question; a question is forgotten once it is finished.

    A draw stands for a later request if it has the same name and kind, and its limit would have let the same text
    through: budgets may grow from one start to the next.
    """

    def __init__(self) -> None:
        self._draws: dict[str, dict[tuple[str, int, bool], Mapping[str, Any]]] = {}
        self._scores: dict[str, dict[tuple[str, int], Mapping[str, Any]]] = {}
        self.draws = 0
        self.scores = 0

    def note(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Take in records as (kind, body); those of other kinds pass."""
        for kind, body in records:
            if kind == DRAW:
                self.draws += 1
                name = body["state"], body["draw"], body["whole"]
                self._draws.setdefault(body["question"], {})[name] = body
            elif kind == SCORES:
                self.scores += 1
                self._scores.setdefault(body["question"], {})[body["state"], body["steps"]] = body

    def draw(self, question: str, request: DrawRequest) -> Generation | None:
        """The recorded answer to a request for a draw."""
        name = request.state, request.number, not request.to_step_end
        body = self._draws.get(question, {}).get(name)
        if body is None:
            return None
        fits = body["n_tokens"] <= request.max_new_tokens
        same = body["limit"] == request.max_new_tokens
        return generation_from(body) if same or (fits and body["finish"] == "stop") else None

    def score(self, question: str, request: ScoreRequest) -> Score | None:
        """The recorded answer to a request for scores."""
        body = self._scores.get(question, {}).get((request.state, len(request.steps)))
        if body is None:
            return None
        values = body["scores"]
        return Score(None if values is None else tuple(values), body.get("reason", ""))

    def forget(self, question: str) -> None:
        """Let go of a question's records."""
        self._draws.pop(question, None)
        self._scores.pop(question, None)
