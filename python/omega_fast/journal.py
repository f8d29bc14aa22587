"""What a run writes into its log, and what a record of each kind holds.

`question`          a question as it was read
`state`             the prefix behind a state's key, before its first rollout
`rollout`           one continuation as the engine gave it, named by (question, state, draw)
`lost`              a draw the engine could not deliver in any try
`verdict`           a verifier's word on a rollout, with the verifier's version
`solution_verdict`  the same on a supplied solution
`majority`          the answer that stands in for the gold a question lacks; null if nobody voted
`verifier`          from here on, this version's verdicts count
`thought`           the prompts leave a thought open
`epoch`             rates learnt from the first questions, which later ones start from
`what_if`           the responses were taken from another run: which, under which settings, and how far they reached
`session`           the end of a start of the run, with its seconds and what it paid for

Together they are the whole truth of a run: trees, labels and reports are made from them again by replay.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from omega_fast.records import Generation, Judgement, Question, Solution, Verdict

__all__ = [
    "DrawKey",
    "judgement_from",
    "key_of",
    "lost_body",
    "prefix_digest",
    "question_body",
    "question_from",
    "rollout_body",
    "solution_verdict_body",
    "verdict_body",
]


@dataclass(frozen=True, slots=True)
class DrawKey:
    """The name of a draw for good: which question, which state (32 hex digits), which draw from it.

    Attributes:
        early_prefix: The digest of the ids the prefix went out as, if the draw was made before a decision asked for
            it. Should the decision ask for the same text as other ids, that is another draw.
    """

    question: str
    state: str
    draw: int
    early_prefix: int | None = None

    def fields(self) -> dict[str, Any]:
        """Its part of a record."""
        early = {} if self.early_prefix is None else {"early_prefix": self.early_prefix}
        return {"question": self.question, "state": self.state, "draw": self.draw, **early}

    def decided(self) -> DrawKey:
        """The draw as a decision asks for it."""
        return DrawKey(self.question, self.state, self.draw)


def key_of(body: Mapping[str, Any]) -> DrawKey:
    """The draw that a `rollout`, `lost` or `verdict` record speaks of."""
    return DrawKey(body["question"], body["state"], body["draw"], body.get("early_prefix"))


def question_body(question: Question) -> dict[str, Any]:
    """A question as a record."""
    return {
        "id": question.id,
        "problem": question.problem,
        "answer": question.answer,
        "solutions": [
            {
                "text": solution.text,
                "steps": list(solution.steps),
                "source": solution.source,
                "correct": solution.correct,
            }
            for solution in question.solutions
        ],
        "meta": dict(question.meta),
    }


def question_from(body: Mapping[str, Any]) -> Question:
    """The question in a record."""
    solutions = tuple(
        Solution(each["text"], tuple(each["steps"]), each["source"], each["correct"])
        for each in body["solutions"]
    )
    return Question(body["id"], body["problem"], body["answer"], solutions, body["meta"])


def prefix_digest(token_ids: Sequence[int] | None) -> int:
    """A checksum (CRC-32) of the ids that a prefix was continued as; 0 where it was tokenised from its text."""
    return 0 if token_ids is None else crc32(array("I", token_ids).tobytes())


def rollout_body(key: DrawKey, seed: int, generation: Generation) -> dict[str, Any]:
    """A continuation as a record, token for token."""
    billed = generation.usage
    usage = {} if billed is None else {"usage": [billed.prompt, billed.cached, billed.generated]}
    return {
        **key.fields(),
        "seed": seed,
        "text": generation.text,
        "token_ids": list(generation.token_ids),
        "token_ends": list(generation.token_ends),
        "n_tokens": generation.n_tokens,
        "n_prompt_tokens": generation.n_prompt_tokens,
        "finish": generation.finish.value,
        **usage,
    }


def lost_body(key: DrawKey, error: str, tries: int) -> dict[str, Any]:
    """A draw that never came, with the engine's last words."""
    return {**key.fields(), "error": error, "tries": tries}


def verdict_body(key: DrawKey, version: str, judgement: Judgement) -> dict[str, Any]:
    """A verdict on a rollout as a record."""
    return {**key.fields(), **_judgement_fields(version, judgement)}


def solution_verdict_body(question: str, index: int, version: str, judgement: Judgement) -> dict[str, Any]:
    """A verdict on the supplied solution at `index` as a record."""
    return {"question": question, "index": index, **_judgement_fields(version, judgement)}


def judgement_from(body: Mapping[str, Any]) -> Judgement:
    """The judgement in a `verdict` or `solution_verdict` record."""
    return Judgement(Verdict(body["verdict"]), body["answer"])


def _judgement_fields(version: str, judgement: Judgement) -> dict[str, Any]:
    return {"version": version, "verdict": judgement.verdict.value, "answer": judgement.answer}
