"""A look before a run: what the policy will see, where steps will be cut, and what the whole will cost."""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path

from omega_fast._core import step_cuts
from omega_fast.backends.base import Backend, fault_in
from omega_fast.config import AnnotateConfig
from omega_fast.errors import InputError
from omega_fast.jobs.annotate import annotate
from omega_fast.jobs.opening import open_policy, open_questions, opens_thought
from omega_fast.records import Generation, GenerationRequest, Question
from omega_fast.summary import Forecast, Progress, PromptPreview

__all__ = ["estimate", "preview"]

_WAIT_S = 1.0


def preview(config: AnnotateConfig, *, question_id: str | None = None, n: int = 1) -> list[PromptPreview]:
    """The first `n` questions, or the one named, as the policy sees them, each with one draw cut into steps.

    Raises:
        InputError: If there is no such question.
        BackendError: If the engine cannot start.
    """
    questions = open_questions(config, lambda _: None)
    if question_id is not None:
        questions = (question for question in questions if question.id == question_id)
    chosen = list(islice(questions, n))
    if question_id is not None and not chosen:
        raise InputError(f"there is no question {question_id}", hint="see `id` in the question file")
    with closing(open_policy(config)) as backend:
        generations = _draw_one_each(config, backend, chosen)
        return [
            _preview(config, backend, question, generations[index]) for index, question in enumerate(chosen)
        ]


def estimate(
    config: AnnotateConfig, *, questions: int = 20, on_progress: Callable[[Progress], None] | None = None
) -> Forecast:
    """Run the first few questions for real, in a folder that is thrown away, and scale up.

    The time is what this machine takes at the configured concurrency; few questions fill an engine badly, so it
    errs on the long side.

    Args:
        config: What would be run.
        questions: How many to try.
        on_progress: Told a few times a second how far the trial is.

    Raises:
        InputError: If there is no question.
    """
    total = sum(1 for _ in open_questions(config, lambda _: None))
    if not total:
        raise InputError(f"{config.question_file} holds no question", hint="check the file and its format")
    tried = min(questions, total)
    with tempfile.TemporaryDirectory() as folder:
        unlimited = {"max_tokens": None, "max_cost": None, "max_time": None}
        small = config.model_copy(update={"limit": tried, "output_dir": Path(folder) / "run", **unlimited})
        summary = annotate(small, on_progress=on_progress)
    ahead = summary.outlook
    scale = total / max(1, summary.finished)
    return Forecast(
        questions=summary.finished,
        rollouts=summary.rollouts,
        tokens=summary.tokens,
        seconds=summary.seconds,
        forecast_questions=total,
        forecast_tokens=summary.tokens * scale,
        forecast_hours=summary.seconds * scale / 3600,
        forecast_cost=None if summary.cost is None else summary.cost * scale,
        label=ahead.label if ahead else None,
        first_error=ahead.first_error if ahead else None,
        question=ahead.question if ahead else None,
        currency=summary.currency,
    )


def _draw_one_each(
    config: AnnotateConfig, backend: Backend, questions: list[Question]
) -> dict[int, Generation]:
    backend.submit(
        [
            GenerationRequest(index, question, "", (), config.seed + index, config.max_new_tokens)
            for index, question in enumerate(questions)
        ]
    )
    done: dict[int, Generation] = {}
    while len(done) < len(questions):
        done.update((generation.id, generation) for generation in backend.poll(_WAIT_S))
    return done


def _preview(
    config: AnnotateConfig, backend: Backend, question: Question, generation: Generation
) -> PromptPreview:
    prompt = backend.prompt(question)
    problem = fault_in(generation)
    drawn, ends = ("", ()) if problem else (generation.text, generation.token_ends)
    opened = opens_thought(config, prompt.text)
    cuts = step_cuts(config.core_config(prompt_opens_thought=opened), drawn, list(ends))
    text = drawn.encode()
    inside_a_token = [number for number, cut in enumerate(cuts[:-1], 1) if cut not in ends]
    return PromptPreview(
        question_id=question.id,
        text=prompt.text,
        token_ids=tuple(prompt.token_ids),
        steps=tuple(text[start:end].decode() for start, end in pairwise([0, *cuts])),
        retokenised=len(inside_a_token),
        retokenised_after=tuple(inside_a_token),
        step_tokens=_tokens_between(cuts, ends) if ends else (),
        opens_thought=opened,
        ended=generation.finish.value,
        problem=problem,
    )


def _tokens_between(cuts: Sequence[int], ends: Sequence[int]) -> tuple[int, ...]:
    """How many tokens end in each step; one that ends inside a character goes with the next that does not."""
    counts = [0] * len(cuts)
    waiting = 0
    for end in ends:
        waiting += 1
        if end != -1:
            counts[min(bisect_left(cuts, end), len(cuts) - 1)] += waiting
            waiting = 0
    if counts:
        counts[-1] += waiting
    return tuple(counts)
