"""The role `prm`: a step scorer whose scores go through the log; what waits is scored in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import fields
from hashlib import blake2b
from typing import Any

from omega_fast.backends.server_settings import ServedModel
from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.grounded.calls import CallLog
from omega_fast.grounded.chat import GoneError
from omega_fast.grounded.problem import Problem, Step
from omega_fast.grounded.settings import Role
from omega_fast.models.base import QueuedScorer, Solution, StepwiseScorer
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.models.scorers.queued import outcomes
from omega_fast.models.scorers.table import load_scorer
from omega_fast.records import StepScorer
from omega_fast.store.lines import encode_json

__all__ = ["StepScores", "open_step_scores"]

_MOST_AT_ONCE = 256
_SERVED_SHAPE = "right-wrong"


class StepScores:
    """The chance that the last of some steps is right.

    Args:
        scorer: Any scorer.
        identity: What decides what it says.
        log: Where scores are kept.
    """

    def __init__(self, scorer: StepScorer, identity: Mapping[str, Any], log: CallLog) -> None:
        self._scorer = scorer
        self._identity = dict(identity)
        self._log = log
        self._waiting: list[tuple[Solution, asyncio.Future[float | None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def score(self, problem: Problem, steps: Sequence[Step]) -> float | None:
        """The score of the last step; `None` if the scorer refuses this solution. Raises `GoneError` if it fails."""
        solution = (problem.question, [_text(problem, each) for each in steps])
        asked = encode_json({"identity": self._identity, "solution": solution}, what="a solution")

        async def call() -> Mapping[str, Any]:
            return {"score": await self._asked(solution)}

        said = await self._log.once("prm", f"prm:{blake2b(asked, digest_size=16).hexdigest()}", call)
        score: float | None = said["score"]
        return score

    async def _asked(self, solution: Solution) -> float | None:
        if isinstance(self._scorer, QueuedScorer):
            return await _of_queue(self._scorer, solution)
        future: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((solution, future))
        if self._running is None:
            self._running = asyncio.create_task(self._score_all())
        return await future

    async def _score_all(self) -> None:
        """Score what waits until nothing does."""
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            try:
                found = await asyncio.to_thread(_last_scores, self._scorer, [each for each, _ in batch])
            except Exception as error:  # whatever a scorer raises, nobody may wait for it for ever
                said = (
                    error.message if isinstance(error, BackendError) else f"{type(error).__name__}: {error}"
                )
                for _, future in batch:
                    _settle(future, GoneError(said))
            else:
                for (_, future), score in zip(batch, found, strict=True):
                    _settle(future, score)
        self._running = None

    async def close(self) -> None:
        """Give up the scorer, if it holds anything."""
        if isinstance(self._scorer, QueuedScorer):
            await asyncio.to_thread(self._scorer.close)


def open_step_scores(role: Role, log: CallLog) -> StepScores:
    """The scorer that plays a role, from the one table of scorers.

    With backend `openai` it is a model behind a server, by default of the shape `right-wrong`; otherwise what
    `load_scorer` takes. `options` hold `shape` and further settings of `ScorerOptions`.

    Raises:
        ConfigError: The settings cannot work.
        BackendError: The scorer cannot be loaded.
    """
    said = dict(role.options)
    served = role.backend == "openai"
    shape = str(said.pop("shape", _SERVED_SHAPE if served else "auto"))
    known = {each.name for each in fields(ScorerOptions)} - {"server", "judging"}
    if unknown := sorted(set(said) - known):
        raise ConfigError(
            f"options of the role prm: there is no {', '.join(unknown)}",
            hint=f"use shape, {', '.join(sorted(known))}",
        )
    try:
        options = ScorerOptions(server=_server(role) if served else None, **said)
        scorer = load_scorer(role.model, shape, options)
    except TypeError as error:
        raise ConfigError(f"options of the role prm: {error}", hint="look at their types") from error
    return StepScores(scorer, role.identity(), log)


def _server(role: Role) -> ServedModel:
    if role.base_url is None:
        raise ConfigError("the role prm has no base_url", hint="name the server, or use backend hf")
    return ServedModel(
        base_url=role.base_url,
        model=role.model,
        api_key_env=role.api_key_env,
        slots=role.in_flight,
        request_timeout=role.request_timeout,
        retries=role.retries,
        first_wait=role.first_wait,
        longest_wait=role.longest_wait,
    )


def _text(problem: Problem, step: Step) -> str:
    """A step as conversations and runs have it; the lines of a ledger solution end in a newline."""
    text = f"{step.objective}\n{step.action}" if step.objective else step.action
    return f"{text}\n" if problem.is_ledger else text


async def _of_queue(scorer: QueuedScorer, solution: Solution) -> float | None:
    try:
        if isinstance(scorer, StepwiseScorer):
            return await asyncio.wrap_future(scorer.submit_step(*solution))
        return (await asyncio.wrap_future(scorer.submit(*solution)))[-1]
    except InputError:
        return None
    except BackendError as error:
        raise GoneError(error.message) from None


def _last_scores(scorer: StepScorer, solutions: Sequence[Solution]) -> list[float | None]:
    """The last score of each solution; where a scorer does not tell which it refuses, each is tried alone."""
    try:
        rows = outcomes(scorer, solutions)
    except InputError:
        if len(solutions) == 1:
            return [None]
        half = len(solutions) // 2
        return [*_last_scores(scorer, solutions[:half]), *_last_scores(scorer, solutions[half:])]
    return [None if isinstance(row, InputError) else row[-1] for row in rows]


def _settle(future: asyncio.Future[float | None], found: float | GoneError | None) -> None:
    if future.done():
        return
    if isinstance(found, GoneError):
        future.set_exception(found)
    else:
        future.set_result(found)
