"""All that is known of one question's solutions: a tree of steps, one node for each text and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b

__all__ = ["Node", "SolutionTree", "Status", "state_key", "steps_to_score"]


class Status(StrEnum):
    """How a prefix ended: it can go on, the policy ended it, or a limit cut it off."""

    OPEN = "open"
    FINISHED = "finished"
    CUT = "cut"


@dataclass(slots=True)
class Node:
    """A prefix of a solution.

    Attributes:
        number: Its place in the tree; 0 is the question itself.
        parent: The prefix without the last step; `None` at the root.
        step: The last step, byte for byte; empty at the root, and where a solution ended without a further step.
        text: The whole prefix.
        status: Whether it can go on.
        depth: Steps in it.
        tokens: The ids it was generated as, without the end of the text; `None` if they are not known.
        n_tokens: Tokens generated for it, from the question on.
        scores: A score for each of `steps_to_score`; `None` until it is scored, and if it cannot be.
        unscored: Why it cannot be; empty if it can, or nobody has asked.
        draws: Continuations asked for so far.
        greedy: The likeliest continuation of one step, once it is known.
    """

    number: int
    parent: Node | None
    step: str
    text: str
    status: Status
    depth: int
    tokens: tuple[int, ...] | None
    n_tokens: int
    scores: tuple[float, ...] | None = None
    unscored: str = ""
    draws: int = 0
    greedy: Node | None = None

    @property
    def steps(self) -> list[str]:
        """The steps from the question to here."""
        return [node.step for node in self.line() if node.step]

    def line(self) -> list[Node]:
        """The nodes from the first step to here."""
        nodes: list[Node] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]


def state_key(text: str) -> str:
    """The name of a prefix for good: 32 hexadecimal digits of a hash of its bytes."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def steps_to_score(steps: Sequence[str]) -> tuple[str, ...]:
    r"""The steps as a scorer is shown them: a blank one belongs to the step before it, or after it at the start.

    >>> steps_to_score(["\n", "a\n", "\n", "b"])
    ('\na\n\n', 'b')
    """
    shown: list[str] = []
    for step in steps:
        if shown and (not step.strip() or not shown[-1].strip()):
            shown[-1] += step
        else:
            shown.append(step)
    return tuple(shown) if shown and shown[-1].strip() else ()


@dataclass(slots=True)
class SolutionTree:
    """The nodes of one question; equal texts that ended alike are one node, whoever wrote them first."""

    nodes: list[Node] = field(default_factory=lambda: [Node(0, None, "", "", Status.OPEN, 0, (), 0)])
    _known: dict[tuple[str, Status], Node] = field(default_factory=dict)

    @property
    def root(self) -> Node:
        """The question itself."""
        return self.nodes[0]

    def add(self, parent: Node, step: str, status: Status, *, tokens: Sequence[int] | None, n: int) -> Node:
        """The node of `parent` and one more step, known or new.

        Args:
            parent: What it continues.
            step: The step; empty where the policy ended the solution there.
            status: How it ended.
            tokens: The ids of the step alone, `None` if unknown.
            n: Tokens generated for the step.
        """
        text = parent.text + step
        node = self._known.get((text, status))
        if node is None:
            known = parent.tokens is not None and tokens is not None
            ids = (*parent.tokens, *tokens) if known else None  # type: ignore[misc]
            depth = parent.depth + bool(step)
            node = Node(len(self.nodes), parent, step, text, status, depth, ids, parent.n_tokens + n)
            self.nodes.append(node)
            self._known[text, status] = node
        return node

    def scored_twin(self, node: Node) -> Node | None:
        """A node of the same text that a scorer was asked about already."""
        twins = (self._known.get((node.text, status)) for status in Status)
        return next((twin for twin in twins if twin is not None and (twin.scores or twin.unscored)), None)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)
