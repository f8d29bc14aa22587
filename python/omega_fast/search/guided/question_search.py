"""What the methods share: growing one question's tree by draws, having nodes scored, counting what it took."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from omega_fast.models.aggregate import aggregate
from omega_fast.records import FinishReason, Generation
from omega_fast.search.guided.budget import TokenBudget
from omega_fast.search.guided.plan import GREEDY, Draw, Plan, Score, Scoring
from omega_fast.search.guided.settings import GuidedSettings
from omega_fast.search.guided.tree import Node, SolutionTree, Status, steps_to_score

__all__ = ["UNSCORED", "Cut", "Grown", "QuestionSearch"]

UNSCORED = -math.inf
"""The rank of what could not be scored: behind everything that could."""

Cut = Callable[[str, str, Sequence[int]], list[int]]
"""`cut(prefix, text, token_ends)`: the offsets in UTF-8 bytes at which the steps of `text` end."""


@dataclass(frozen=True, slots=True)
class Grown:
    """What came of proposals: for each prefix its continuations, and how many draws were made in all."""

    children: list[list[Node]]
    made: int


@dataclass(slots=True)
class QuestionSearch:
    """One question under search.

    Attributes:
        settings: Of the search.
        cut: Where steps of a continuation end.
        tree: All prefixes so far.
        budget: Its tokens.
        completions: Every finished solution in the order it was drawn; equal ones are repeated.
        n_draws: Draws that came back.
        n_lost: Draws that the engine could not deliver.
        n_cut: Solutions that a limit cut off; they are returned nowhere.
    """

    settings: GuidedSettings
    cut: Cut
    tree: SolutionTree = field(default_factory=SolutionTree)
    budget: TokenBudget = field(default_factory=lambda: TokenBudget(None))
    completions: list[Node] = field(default_factory=list)
    n_draws: int = 0
    n_lost: int = 0
    n_cut: int = 0
    _end: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        self.budget.limit = self.settings.token_budget
        if self.settings.end_pattern is not None:
            self._end = re.compile(self.settings.end_pattern)

    @property
    def root(self) -> Node:
        """The question itself."""
        return self.tree.root

    def rank(self, node: Node) -> float:
        """The score of a prefix by the configured aggregation; `UNSCORED` without one."""
        return aggregate(node.scores, self.settings.aggregation) if node.scores else UNSCORED

    def worth(self, node: Node) -> float:
        """The same between 0 and 1, for methods that take means of it; 0 without a score."""
        rank = self.rank(node)
        if self.settings.aggregation != "sum_logits":
            return max(rank, 0.0)
        # Its exponential has to stay finite, however many steps have been summed.
        return math.exp(rank) / (1 + math.exp(rank)) if rank < 0 else 1 / (1 + math.exp(-rank))

    def extend(self, wants: Sequence[tuple[Node, int]], *, to_step_end: bool) -> Plan[Grown]:
        """Draw so many continuations of each prefix, as far as the budget reaches: the first prefixes first."""
        room = self.settings.max_new_tokens
        self.n_cut += sum(count for node, count in wants if node.n_tokens >= room)
        owners = [at for at, (node, count) in enumerate(wants) for _ in range(count) if node.n_tokens < room]
        limits = self.budget.limits([wants[at][0] for at in owners], room)
        draws: list[Draw] = []
        for owner, limit in zip(owners, limits, strict=False):
            node = wants[owner][0]
            draws.append(Draw(node, node.draws, to_step_end, limit))
            node.draws += 1
        children: list[list[Node]] = [[] for _ in wants]
        if draws:
            answers = yield draws
            for owner, draw, answer in zip(owners, draws, answers, strict=False):
                child = self._grow(draw, answer)
                if child is not None:
                    children[owner].append(child)
                    if child.status is Status.FINISHED:
                        self.completions.append(child)
        return Grown(children, len(draws))

    def look_ahead(self, nodes: Iterable[Node]) -> Plan[dict[int, Node]]:
        """For the number of each prefix what greedy steps make of it; itself without lookahead, or once it ended."""
        ends = {node.number: node for node in nodes}
        for _ in range(self.settings.lookahead):
            wanted = {end.number: end for end in ends.values() if end.status is Status.OPEN}
            unknown = [end for end in wanted.values() if end.greedy is None]
            unknown = [end for end in unknown if end.n_tokens < self.settings.max_new_tokens]
            limits = self.budget.limits(unknown, self.settings.max_new_tokens)
            draws = [Draw(end, GREEDY, True, limit) for end, limit in zip(unknown, limits, strict=False)]
            if draws:
                answers = yield draws
                for greedy, answer in zip(draws, answers, strict=True):
                    greedy.node.greedy = self._grow(greedy, answer)
            ends = {number: end.greedy or end for number, end in ends.items()}
        return ends

    def score(self, nodes: Iterable[Node]) -> Plan[None]:
        """Have scored, in one batch, whatever of these nothing is known about yet."""
        asked: dict[str, Node] = {}
        same: list[tuple[Node, Node]] = []
        for node in nodes:
            if node.scores is not None or node.unscored:
                continue
            twin = asked.get(node.text) or self.tree.scored_twin(node)
            if twin is not None:
                same.append((node, twin))
            elif steps_to_score(node.steps):
                asked[node.text] = node
            else:
                node.unscored = "there is no step to score"
        if asked:
            answers = yield [Scoring(node) for node in asked.values()]
            for node, answer in zip(asked.values(), answers, strict=True):
                assert isinstance(answer, Score), "a score answers a scoring"
                node.scores, node.unscored = answer.values, answer.reason
        for node, twin in same:
            node.scores, node.unscored = twin.scores, twin.unscored

    def _grow(self, draw: Draw, answer: Generation | Score | None) -> Node | None:
        """Enter what came of a draw; the last node of it, or `None` if it is lost."""
        if answer is None:
            self.n_lost += 1
            return None
        assert isinstance(answer, Generation), "a generation answers a draw"
        self.n_draws += 1
        self.budget.pay(answer.n_tokens, step=draw.to_step_end)
        last = self._ended(answer.text, answer, to_step_end=draw.to_step_end)
        if last is Status.FINISHED:
            self.budget.note_solution(draw.node.n_tokens + answer.n_tokens)
        self.n_cut += last is Status.CUT
        # What a text has beyond its tokens was paid for too: the end of the text, or what follows a stop text.
        if draw.to_step_end or not answer.text:
            ids = answer.token_ids if _spell(answer) else None
            return self.tree.add(draw.node, answer.text, last, tokens=ids, n=answer.n_tokens)
        return self._add_steps(draw.node, answer, last)

    def _add_steps(self, node: Node, answer: Generation, last: Status) -> Node:
        """Enter a continuation of several steps."""
        data = answer.text.encode()
        cuts = self.cut(node.text, answer.text, answer.token_ends) or [len(data)]
        spelled = _spell(answer)
        begin, done = 0, 0
        for cut in cuts:
            at_end = cut == len(data)
            upto = len(answer.token_ids) if at_end else _tokens_until(answer.token_ends, cut)
            ids = answer.token_ids[done:upto] if spelled and upto is not None else None
            tokens = answer.n_tokens if at_end else _tokens_before(answer.token_ends, cut)
            node = self.tree.add(
                node,
                data[begin:cut].decode(),
                last if at_end else Status.OPEN,
                tokens=ids,
                n=tokens - (0 if not begin else _tokens_before(answer.token_ends, begin)),
            )
            begin, done = cut, upto if upto is not None else done
        return node

    def _ended(self, step: str, answer: Generation, *, to_step_end: bool) -> Status:
        # A step that is whole is one, whatever limit it met.
        if to_step_end and step.endswith(self.settings.separator):
            return Status.FINISHED if self._end is not None and self._end.search(step) else Status.OPEN
        return Status.CUT if answer.finish is FinishReason.LENGTH else Status.FINISHED


def _spell(answer: Generation) -> bool:
    """Whether the ids of a continuation are known and spell all of its text."""
    return bool(answer.token_ids) and answer.token_ends[-1] == len(answer.text.encode())


def _tokens_until(ends: Sequence[int], cut: int) -> int | None:
    """How many ids spell exactly the first `cut` bytes; `None` if the cut falls inside a token."""
    try:
        return list(ends).index(cut) + 1
    except ValueError:
        return None


def _tokens_before(ends: Sequence[int], cut: int) -> int:
    """How many tokens it took to write the first `cut` bytes."""
    return next((at + 1 for at, end in enumerate(ends) if end >= cut), len(ends))
