"""The words every part of the package shares: questions, generations, verdicts. Plain data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

__all__ = [
    "FREE",
    "THINK",
    "FinishReason",
    "Generation",
    "GenerationRequest",
    "Judgement",
    "Question",
    "Sampler",
    "Sampling",
    "Solution",
    "StepScorer",
    "ThoughtMarkers",
    "Usage",
    "Verdict",
]


class Verdict(StrEnum):
    """What became of a rollout's answer.

    The first four are the policy's doing. `no_answer` and `truncated` count as wrong unless configured otherwise.
    The last three are the checker's doing: they leave the denominator of an estimate and can be judged again.
    """

    CORRECT = "correct"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    TRUNCATED = "truncated"
    TIMEOUT = "timeout"
    CRASH = "crash"
    UNSUPPORTED = "unsupported"


class FinishReason(StrEnum):
    """Why a generation ended: its own end (`stop`), the token limit (`length`), or the engine's failure (`error`)."""

    STOP = "stop"
    LENGTH = "length"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution that came with the question rather than from the policy.

    Attributes:
        text: The whole solution, byte for byte as supplied.
        steps: The steps if the source separates them; their concatenation is `text`. Empty: the splitter decides.
        source: Who wrote it, as the input says; free text.
        correct: Right or wrong as the input says, if it does.
    """

    text: str
    steps: tuple[str, ...] = ()
    source: str = ""
    correct: bool | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A problem, the answer it should have, and where it came from.

    Attributes:
        id: Unique within a run.
        problem: The text shown to the policy, byte for byte.
        answer: The gold answer; `None` if the input has none.
        solutions: Solutions to label, if the input carries any.
        meta: Whatever else the input said, kept for export.
    """

    id: str
    problem: str
    answer: str | None
    solutions: tuple[Solution, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ThoughtMarkers:
    """What a reasoning model writes around what it says to itself."""

    open: str = "<think>"
    close: str = "</think>"


THINK = ThoughtMarkers()
"""The markers of most models."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the policy is sampled. `temperature` 0 is greedy; `top_k` 0 and `top_p` 1 switch those filters off."""

    temperature: float = 0.7
    top_k: int = 30
    top_p: float = 0.9
    max_new_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One continuation wanted from a backend.

    Attributes:
        id: Chosen by the caller, unique among the requests in flight.
        question: What is being solved; the backend renders its prompt.
        prefix: The solution so far; empty at the root.
        prefix_tokens: The token ids of `prefix` as they were generated, so that the continuation sees exactly them;
            `None` when they are not known and the backend has to tokenise prompt and prefix itself.
        seed: Seeds this request alone; the same seed and tokens give the same continuation whatever else is running.
        max_new_tokens: Upper limit for this request, at most the run's own.
        draw: Which continuation of the prefix this is, from 0; `None` if the caller does not count them.
        stop: Texts that end this continuation, beside those of the backend; they are treated like those.
        greedy: Take the likeliest token each time, whatever the backend's temperature.
    """

    id: int
    question: Question
    prefix: str
    prefix_tokens: Sequence[int] | None
    seed: int
    max_new_tokens: int
    draw: int | None = None
    stop: tuple[str, ...] = ()
    greedy: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that are paid for; they add up.

    Attributes:
        prompt: Tokens of prompt and prefix.
        cached: Of these, tokens that the server had in its cache.
        generated: Tokens of the continuation.
    """

    prompt: int = 0
    cached: int = 0
    generated: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt + other.prompt, self.cached + other.cached, self.generated + other.generated)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.prompt - other.prompt, self.cached - other.cached, self.generated - other.generated)


FREE = Usage()
"""No tokens."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a backend made of a `GenerationRequest`.

    Attributes:
        id: The request's id.
        text: The continuation alone, without prompt, prefix or end-of-sequence token.
        token_ids: The generated ids without the end-of-sequence token; empty if the backend has no tokens.
        token_ends: For each id, the offset in UTF-8 bytes of `text` at which it ends, or -1 where it ends inside a
            character. Same length as `token_ids`.
        n_tokens: Tokens paid for, the end-of-sequence token included.
        n_prompt_tokens: Length of the prompt and prefix in tokens.
        finish: Why it ended.
        error: What went wrong, if `finish` is `error`; the caller may ask again.
        given_up: The backend has tried as often as it may: asking again would multiply its retries.
        usage: The tokens that a server says it bills; `None` if it says nothing.
    """

    id: int
    text: str
    token_ids: Sequence[int]
    token_ends: Sequence[int]
    n_tokens: int
    n_prompt_tokens: int
    finish: FinishReason
    error: str = ""
    given_up: bool = False
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verifier's word on one solution: the verdict and the answer it found, if it found one."""

    verdict: Verdict
    answer: str | None = None


class StepScorer(Protocol):
    """A process reward model as everything that uses one sees it."""

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """The probability that each step is right, for each solution one list in the order of its steps.

        Args:
            solutions: Problem and steps of each; a solution has at least one step.

        Raises:
            InputError: A solution cannot be scored, as one that is longer than the model's context.
        """
        ...


class Sampler(Protocol):
    """A policy in training as an engine samples it; weights come in versions, which rise with every update."""

    @property
    def version(self) -> int:
        """The version of the weights that it samples with."""
        ...

    @property
    def reads_files(self) -> bool:
        """Whether `load` wants the weights in a folder; one that shares the trainer's network does not."""
        ...

    def sample(
        self, prompts: Sequence[Question], n: int, seeds: Sequence[Sequence[int]]
    ) -> list[list[Generation]]:
        """`n` whole solutions of each prompt, drawn from the whole distribution at the sampling temperature.

        Args:
            prompts: The questions; all draws of one call come from one version.
            n: Solutions of each.
            seeds: `n` seeds for each prompt; equal seeds give equal solutions while the weights are the same.

        Raises:
            BackendError: The engine is gone, or could not draw one of them.
        """
        ...

    def log_probs(self, prompt: Question, token_ids: Sequence[int]) -> list[float]:
        """The log-probability of each token of a fixed solution given those before it, at temperature 1."""
        ...

    def load(self, version: int, weights: Path | None = None) -> None:
        """Sample with other weights from now on; what the engine kept of the former ones is not used again.

        Args:
            version: Of the new weights.
            weights: A LoRA adapter in a folder of its own, if the engine `reads_files`.
        """
        ...

    def close(self) -> None:
        """Release the engine. May be called twice."""
        ...
