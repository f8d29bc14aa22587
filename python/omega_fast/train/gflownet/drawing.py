"""Drawing solutions for updates: which questions come when, with which seeds, shared out over processes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch

from omega_fast.records import Question, Sampler
from omega_fast.train.gflownet.buffers import Group, OnPolicyBuffer
from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.gflownet.solutions import Cutter, Drawn, Scored, draw_seed, drawn_of

__all__ = ["Drawing", "gathered", "question_at"]


class Drawing:
    """Fills a buffer with groups of solutions and hands them out.

    Every process draws and scores its share, and all have all groups afterwards, so that what an update uses is the
    same however many there are.

    Args:
        config: The settings.
        questions: Of the training, in order.
        sampler: Draws; this process's own.
        score: Tells what solutions are worth.
        cut: Finds the steps of a text.
        rank: Which process this is.
        processes: How many there are.
    """

    def __init__(
        self,
        config: GflownetConfig,
        questions: Sequence[Question],
        sampler: Sampler,
        score: Callable[[Sequence[Drawn]], list[Scored]],
        cut: Cutter,
        *,
        rank: int,
        processes: int,
    ) -> None:
        self.buffer = OnPolicyBuffer(config.max_age)
        self.prompts = min(config.prompts, len(questions))
        self._config = config
        self._questions = questions
        self._sampler = sampler
        self._score = score
        self._cut = cut
        self._rank = rank
        self._processes = processes

    def groups(self, update: int) -> list[Group]:
        """The groups of an update, drawn by the weights of this version or by ones that are not too old."""
        taken = self.buffer.take(self.prompts, update)
        if len(taken) < self.prompts:
            ahead = min(self._config.sample_ahead, self._config.updates - update)
            self.buffer.add(self._draw(update, self.prompts * ahead))
            taken += self.buffer.take(self.prompts - len(taken), update)
        return taken

    def _draw(self, version: int, number: int) -> list[Group]:
        n, first = self._config.samples, version * self.prompts
        asked = [question_at(self._config.seed, len(self._questions), first + at) for at in range(number)]
        # A question that comes twice in a row of epochs is drawn anew, not the same way again
        before: Counter[int] = Counter()
        slots: list[tuple[int, int, int]] = []
        for slot, question in enumerate(asked):
            slots.append((slot, question, before[question] * n))
            before[question] += 1
        mine = slots[self._rank :: self._processes]
        prompts = [self._questions[question] for _, question, _ in mine]
        seeds = [
            [draw_seed(self._config.seed, version, prompt.id, start + at) for at in range(n)]
            for prompt, (_, _, start) in zip(prompts, mine, strict=True)
        ]
        drawn = [
            [
                drawn_of(each, question, self._cut, version=version, number=start + at)
                for at, each in enumerate(generations)
            ]
            for generations, (_, question, start) in zip(
                self._sampler.sample(prompts, n, seeds) if mine else [], mine, strict=True
            )
        ]
        scored = self._score([each for group in drawn for each in group])
        groups = [tuple(scored[at * n : (at + 1) * n]) for at in range(len(mine))]
        parts = gathered([(slot, group) for (slot, _, _), group in zip(mine, groups, strict=True)])
        return [group for _, group in sorted((each for part in parts for each in part), key=lambda it: it[0])]


def question_at(seed: int, questions: int, place: int) -> int:
    """Which question comes at a place of the endless sequence: every epoch has each once, in an order of its own."""
    epoch, at = divmod(place, questions)
    order = list(range(questions))
    random.Random(draw_seed(seed, epoch, "order", 0)).shuffle(order)  # noqa: S311 - no secret
    return order[at]


def gathered(value: Any) -> list[Any]:
    """What each process has, in their order."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [value]
    found: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, value)
    return found
