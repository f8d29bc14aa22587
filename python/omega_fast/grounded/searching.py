"""The search of one problem: the core's tree search decides, roles and tools answer, every step gets a verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from omega_fast.grounded.chat import RefusedError
from omega_fast.grounded.checking import Check
from omega_fast.grounded.problem import Problem, Step, seed_of
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.steps import StepWriter
from omega_fast.search.mcts import Forest

__all__ = ["Found", "NoStepError", "Sample", "StepChecker", "TreeNode", "search"]


class NoStepError(Exception):
    """Not even a first step was written that can be used."""


class StepChecker(Protocol):
    """Finds whether the last of some steps is right."""

    async def check(self, problem: Problem, steps: Sequence[Step]) -> Check:
        """The finding; raises `GoneError` if what it asks is gone."""
        ...


@dataclass(slots=True)
class TreeNode:
    """A step in the tree, or in the play that went on from a leaf.

    Attributes:
        step: What was written.
        check: What was found of it.
        children: Steps that were tried after it, in the order of their first visit.
        play: The steps by which its own simulation went on to the end.
        value: What was backed up to it: a mean, or a sum in released trees.
        visits: How often the search passed.
        outcome: Whether a path that ends here has the right answer; `None` if none ends here.
    """

    step: Step
    check: Check
    children: list[TreeNode] = field(default_factory=list)
    play: list[TreeNode] = field(default_factory=list)
    value: float = 0.0
    visits: int = 0
    outcome: bool | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A path to an end, and whether the answer is right; `real` if it ends in the tree and not in a play."""

    path: tuple[TreeNode, ...]
    right: bool
    real: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    problem: Problem
    roots: tuple[TreeNode, ...]
    value: float
    visits: int
    samples: tuple[Sample, ...]
    lost: int


async def search(
    problem: Problem,
    settings: SearchSettings,
    writer: StepWriter,
    checker: StepChecker,
    is_right: Callable[[Problem, str], bool],
) -> Found:
    """Search one problem. The result is a function of what is answered, in whatever order it comes.

    Args:
        problem: The problem.
        settings: How it is searched.
        writer: Proposes steps.
        checker: Checks them.
        is_right: Whether a final answer is the gold one; may be slow, and is called in a thread.

    Raises:
        NoStepError: Not even a first step was written.
        GoneError: A model or tool is gone.
    """
    return await _Search(problem, settings, writer, checker, is_right).run()


class _Search:
    def __init__(
        self,
        problem: Problem,
        settings: SearchSettings,
        writer: StepWriter,
        checker: StepChecker,
        is_right: Callable[[Problem, str], bool],
    ) -> None:
        self._problem = problem
        self._settings = settings
        self._writer = writer
        self._checker = checker
        self._is_right = is_right
        self._depth = settings.depth_of(problem.level)
        self._forest = Forest(settings.mcts(problem.level))
        self._tree = self._forest.add_trees(1)[0]
        self._proposed: dict[tuple[int, ...], list[Step]] = {}
        self._nodes: dict[tuple[int, ...], TreeNode] = {}
        self._samples: list[Sample] = []
        self._texts: set[tuple[Step, ...]] = set()
        self._lost = 0

    async def run(self) -> Found:
        while not self._enough() and len(leaves := self._forest.poll(1)):
            path = tuple(leaves.prefix(0))
            answers = self._forest.answers()
            if not path:
                steps = self._proposed[()] = await self._propose((), self._settings.width, "expand")
                if not steps:
                    raise NoStepError
                answers.evaluated(leaves, 0, 0.0, steps=range(len(steps)), verdict=1.0)
            else:
                try:
                    value, verdict, width, ends = await self._leaf(path)
                except RefusedError:
                    self._lost += 1
                    answers.lost(leaves, 0)
                else:
                    answers.evaluated(leaves, 0, value, steps=range(width), verdict=verdict, terminal=ends)
            self._forest.answer(answers)
        return self._found()

    def _enough(self) -> bool:
        right = sum(sample.right for sample in self._samples)
        return min(right, len(self._samples) - right) >= self._settings.enough

    async def _leaf(self, path: tuple[int, ...]) -> tuple[float, float, int, bool]:
        """A new leaf's value, the verdict on its step, how many steps may follow, and whether it ends."""
        steps = tuple(self._proposed[path[:end]][path[end]] for end in range(len(path)))
        above = tuple(self._nodes[path[:end]] for end in range(1, len(path)))
        ends = steps[-1].answer is not None
        following: list[Step] = []
        play: list[TreeNode] = []
        if ends or len(steps) >= self._depth:
            check = await self._checker.check(self._problem, steps)
        else:
            check, following, play = await asyncio.gather(
                self._checker.check(self._problem, steps),
                self._propose(steps, self._settings.width, "expand"),
                self._play(steps),
            )
        node = self._nodes[path] = TreeNode(steps[-1], check, play=play)
        self._proposed[path] = following
        last = (play[-1] if play else node).step.answer
        right = last is not None and await asyncio.to_thread(self._is_right, self._problem, last)
        outcome = 1.0 if right else -1.0
        end = play[-1] if play else node
        if end.step.answer is not None:
            end.outcome = right
        verdicts = [each.check.score for each in play]
        for number, each in enumerate(play):
            each.value, each.visits = self._settings.fuse(verdicts[number:], outcome), 1
        self._sample((*above, node, *play), right=right, real=not play)
        return self._settings.fuse(verdicts, outcome), check.score, len(following), ends

    async def _propose(self, steps: Sequence[Step], n: int, purpose: str) -> list[Step]:
        """Next steps, each text once."""
        seed = seed_of(self._settings.seed, self._problem, steps, purpose)
        return list(dict.fromkeys(await self._writer.propose(self._problem, steps, n, seed)))

    async def _play(self, steps: tuple[Step, ...]) -> list[TreeNode]:
        """The simulation: steps to an end, or as far as the depth and the policy allow, all of them checked."""
        played = steps
        while len(played) < self._depth and played[-1].answer is None:
            following = await self._propose(played, 1, "play")
            if not following:
                break
            played = (*played, following[0])
        ends = range(len(steps) + 1, len(played) + 1)
        checks = await asyncio.gather(*(self._checker.check(self._problem, played[:end]) for end in ends))
        return [TreeNode(step, check) for step, check in zip(played[len(steps) :], checks, strict=True)]

    def _sample(self, path: tuple[TreeNode, ...], *, right: bool, real: bool) -> None:
        text = tuple(each.step for each in path)
        if text not in self._texts:
            self._texts.add(text)
            self._samples.append(Sample(path, right, real))

    def _found(self) -> Found:
        roots = self._gathered((), None)
        value = self._forest.root_value(self._tree) or 0.0
        return Found(
            self._problem,
            tuple(roots),
            value,
            self._forest.simulations(self._tree),
            tuple(self._samples),
            self._lost,
        )

    def _gathered(self, path: tuple[int, ...], number: int | None) -> list[TreeNode]:
        """The nodes below one, with what the search backed up to them."""
        found = []
        for child in self._forest.children(self._tree, number):
            below = (*path, child.step)
            node = self._nodes.get(below)
            if node is None or child.node is None:
                continue
            times = child.values if self._settings.fusion == "released" else 1
            node.value, node.visits = (child.q or 0.0) * times, child.visits
            node.children = self._gathered(below, child.node)
            found.append(node)
        return found
