"""What drawn solutions are worth: r from a reward model or a verifier, and the logarithm of the reward of every state.

The log-reward of a state is  tempering * (reference + bonus)  with, for the target pi_ref(y) exp(r(y) / beta),
reference = log pi_ref(y) and bonus = r(y) / beta, and for the published product of step scores, reference = 0 and
bonus = sum of log(score) / beta. It is counted once for a state, never once a token.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from omega_fast.errors import BackendError, ConfigError, InputError, OmegaError
from omega_fast.models.aggregate import Aggregation, aggregate
from omega_fast.models.base import ForgivingScorer
from omega_fast.records import FinishReason, Question, StepScorer, Verdict
from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.gflownet.solutions import Cutter, Drawn, Scored
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.extract import extract_answer

__all__ = ["FAULTS", "Rewarder", "Rewards"]

FAULTS: Mapping[str, str] = {
    "not_finite": "scores that are no numbers in [0, 1], one a step: not learnt from",
    "unscorable": "solutions that the reward model refuses, as with a blank step: r = 0",
    "unjudged": "answers that the verifier could not judge: not learnt from",
    "floored": "step scores under score_floor, taken for it",
    "limited": "log-rewards beyond reward_limit, cut to it",
    "empty": "solutions without a token: r = 0",
    "unanswered": "solutions that give no answer: r = 0",
    "truncated": "solutions cut off at max_new_tokens",
}
"""What is counted, by name."""

_WRONG = {Verdict.WRONG, Verdict.NO_ANSWER, Verdict.TRUNCATED}
_Asked = tuple[str, tuple[str, ...]]


class Rewarder(Protocol):
    """Tells what solutions are worth."""

    counts: Counter[str]
    """How often each of `FAULTS` came."""

    def __call__(self, drawn: Sequence[Drawn]) -> list[Scored]:
        """Each with its worth, in order. Raises `BackendError` if nothing can be scored at all."""
        ...


@dataclass(frozen=True, slots=True)
class _State:
    """A prefix at which the policy may stop, or its end."""

    text: str
    steps: tuple[str, ...]
    finish: FinishReason


class Rewards:
    """The rewards of one training.

    Args:
        config: The settings.
        questions: Of the training, in order.
        scorer: The reward model, where r rests on one.
        verifier: Judges answers.
        cut: Finds the steps of a text.
        decode: The text of token ids that follow a question's prompt; asked for states inside of steps.

    Raises:
        ConfigError: If r rests on a reward model that is not there, or on answers that no question has.
    """

    def __init__(
        self,
        config: GflownetConfig,
        questions: Sequence[Question],
        *,
        scorer: StepScorer | None,
        verifier: Verifier,
        cut: Cutter,
        decode: Callable[[int, Sequence[int]], str],
    ) -> None:
        judge = config.judge if config.judge != "auto" else "prm" if scorer is not None else "outcome"
        if config.reward == "product":
            judge = "prm"
        if judge in ("prm", "both") and scorer is None:
            raise ConfigError(
                f"judge {judge} needs a process reward model",
                hint="name one with --prm, or use judge outcome",
            )
        if judge in ("outcome", "both") and all(each.answer is None for each in questions):
            raise ConfigError(
                f"judge {judge} needs answers, and no question has one", hint="name a reward model with --prm"
            )
        own = getattr(getattr(scorer, "card", None), "aggregation", None)
        self.counts: Counter[str] = Counter()
        self.judge = judge
        self._config = config
        self._questions = questions
        self._scorer = scorer if judge in ("prm", "both") else None
        self._verifier = verifier
        self._cut = cut
        self._decode = decode
        self._aggregation: Aggregation = config.aggregation or (
            own if own in ("last", "min", "prod", "mean") else "prod"
        )

    def __call__(self, drawn: Sequence[Drawn]) -> list[Scored]:
        """Each with its worth, in order.

        Raises:
            BackendError: If the reward model fails whatever it is asked.
        """
        states = [self._states(each) for each in drawn]
        asked: dict[_Asked, list[float] | str | None] = {}
        if self._scorer is not None:
            for each, own in zip(drawn, states, strict=True):
                problem = self._questions[each.question].problem
                asked |= {(problem, state.steps): None for state in own.values() if state.steps}
            keys = list(asked)
            asked = dict(zip(keys, self._scores(self._scorer, keys), strict=True))
        return [self._scored(each, own, asked) for each, own in zip(drawn, states, strict=True)]

    def _states(self, drawn: Drawn) -> dict[int, _State]:
        """The end, and the earlier states that give an answer if stopping there counts; by their number."""
        ends = [0, *(drawn.cuts if self._config.level == "step" else range(1, len(drawn.ids) + 1))]
        found = {len(ends) - 1: _State(drawn.text, drawn.step_texts, drawn.finish)}
        if not self._config.stops_anywhere:
            return found
        for number in range(1, len(ends) - 1):
            if self._config.level == "step":
                steps = drawn.step_texts[:number]
                text = "".join(steps)
            else:
                text = self._decode(drawn.question, drawn.ids[: ends[number]])
                steps = _steps_of(text, self._cut(text, ()))
            if not self._config.require_answer or extract_answer(text) is not None:
                found[number] = _State(text, steps, FinishReason.STOP)
        return found

    def _scored(
        self,
        drawn: Drawn,
        states: Mapping[int, _State],
        scores: Mapping[_Asked, list[float] | str | None],
    ) -> Scored:
        question = self._questions[drawn.question]
        last = max(states)
        worth = {at: self._worth(question, state, scores, told=at == last) for at, state in states.items()}
        right = self._is_right(question, states[last]) if question.answer is not None else None
        self.counts["truncated"] += not drawn.finished
        if not drawn.ids:
            self.counts["empty"] += 1
        elif extract_answer(drawn.text) is None:
            self.counts["unanswered"] += 1
        if any(each is None for each in worth.values()):
            return Scored(drawn, None, (0.0,) * (last + 1), (0.0,) * (last + 1), right)
        whole = scores.get((question.problem, drawn.step_texts))
        of_steps = whole if isinstance(whole, list) else []
        done = self._steps_done(drawn, last)
        bonuses = [self._bonus(0.0, of_steps[:number]) for number in done]
        for at, each in worth.items():
            assert each is not None, "looked at above"
            bonuses[at] = self._bonus(*each)
        limit = self._config.reward_limit
        self.counts["limited"] += abs(bonuses[last]) > limit
        if self._config.reward == "product":
            self.counts["floored"] += sum(score < self._config.score_floor for score in of_steps)
        ended = worth[last]
        assert ended is not None, "looked at above"
        kept = tuple(max(-limit, min(limit, each)) for each in bonuses)
        return Scored(drawn, ended[0], kept, self._energies(done, of_steps), right)

    def _steps_done(self, drawn: Drawn, last: int) -> list[int]:
        """How many steps are whole at each state."""
        if self._config.level == "step":
            return list(range(last + 1))
        return [sum(cut <= at for cut in drawn.cuts) for at in range(last + 1)]

    def _worth(
        self,
        question: Question,
        state: _State,
        scores: Mapping[_Asked, list[float] | str | None],
        *,
        told: bool,
    ) -> tuple[float, list[float]] | None:
        """R of stopping at a state, with the scores of its steps; `None` if nobody can say."""
        answers = not self._config.require_answer or (
            state.finish is FinishReason.STOP and extract_answer(state.text) is not None
        )
        r, of_steps = 1.0, []
        if self._scorer is not None:
            row = scores.get((question.problem, state.steps), "there are no steps")
            if row is None:
                self.counts["not_finite"] += told
                return None
            if isinstance(row, str):
                self.counts["unscorable"] += told and bool(state.steps)
                return 0.0, []
            of_steps = row
            r = aggregate(of_steps, self._aggregation)
        if not answers:
            return 0.0, of_steps
        if self.judge in ("outcome", "both"):
            right = self._is_right(question, state)
            if right is None:
                self.counts["unjudged"] += told
                return None
            r *= right
        return r, of_steps

    def _is_right(self, question: Question, state: _State) -> bool | None:
        verdict = self._verifier.judge(question, state.text, state.finish).verdict
        return True if verdict == Verdict.CORRECT else False if verdict in _WRONG else None

    def _bonus(self, r: float, of_steps: Sequence[float]) -> float:
        if self._config.reward == "posterior":
            return r / self._config.beta
        # What is worth nothing for another reason than its steps is as bad as one step that is
        wrong = [] if r > 0 or 0.0 in of_steps else [0.0]
        return self._log_product([*of_steps, *wrong]) / self._config.beta

    def _log_product(self, of_steps: Sequence[float]) -> float:
        return math.fsum(math.log(max(score, self._config.score_floor)) for score in of_steps)

    def _energies(self, done: Sequence[int], of_steps: Sequence[float]) -> tuple[float, ...]:
        """What the reward model makes of each prefix, as a bonus; 0 without a step."""
        if self._config.flows != "forward_looking" or not of_steps:
            return (0.0,) * len(done)
        found = [0.0]
        for number in range(1, len(of_steps) + 1):
            told = of_steps[:number]
            if self._config.reward == "product":
                found.append(self._log_product(told) / self._config.beta)
            else:
                # Nothing is held against a prompt, so that what a right step adds is 0
                found.append((aggregate(told, self._aggregation) - 1) / self._config.beta)
        limit = self._config.reward_limit
        return tuple(max(-limit, min(limit, found[number])) for number in done)

    def _scores(self, scorer: StepScorer, asked: Sequence[_Asked]) -> list[list[float] | str | None]:
        """The scores of each; why there are none as text where the solution's fault, `None` where the scorer's."""
        if not asked:
            return []
        rows = _forgiving(scorer, list(asked))
        return [_looked_at(row, len(steps)) for row, (_, steps) in zip(rows, asked, strict=True)]


def _forgiving(scorer: StepScorer, asked: list[_Asked]) -> list[object]:
    """A row each; what is refused with `InputError` is tried alone, unless the scorer tells of each by itself."""
    try:
        if isinstance(scorer, ForgivingScorer):
            rows: Sequence[object] = scorer.score_each(asked)
        else:
            rows = scorer.score_many(asked)
    except InputError as error:
        if len(asked) == 1:
            return [error]
        half = len(asked) // 2
        return [*_forgiving(scorer, asked[:half]), *_forgiving(scorer, asked[half:])]
    except OmegaError:
        raise
    except Exception as error:  # whatever a scorer of one's own raises
        raise BackendError(
            f"the reward model failed: {type(error).__name__}: {error}",
            hint="mend it, then run the same command again: it resumes",
        ) from error
    if len(rows) != len(asked):
        return [None] * len(asked)
    return list(rows)


def _looked_at(row: object, steps: int) -> list[float] | str | None:
    if isinstance(row, InputError):
        return row.message
    try:
        numbers = [float(each) for each in row]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
    good = len(numbers) == steps and all(0 <= each <= 1 for each in numbers)
    return numbers if good else None


def _steps_of(text: str, cuts: Sequence[int]) -> tuple[str, ...]:
    spelled = text.encode()
    places = [0, *(each for each in cuts if 0 < each < len(spelled)), len(spelled)]
    pieces = (spelled[a:b].decode("utf-8", "replace") for a, b in pairwise(places))
    return tuple(each for each in pieces if each)
