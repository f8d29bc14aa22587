"""What the search hands over when a question is finished, as plain data. Its JSON form is a contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import orjson

from omega_fast.errors import InputError

__all__ = [
    "Artifacts",
    "Counts",
    "HardRule",
    "Node",
    "QuestionRef",
    "Rollout",
    "Search",
    "SoftDraws",
    "StoppingRule",
    "Value",
]

StoppingRule = Literal["fixed", "first_success", "sequential", "posterior", "budget", "none"]
"""When sampling from a state stopped: after a fixed number, at the first success, when a test or a posterior was sure
enough, by a budget, or never sampled."""

HardRule = Literal["mc", "before_right_prefix", "right_final_answer", "wrong_final_answer", "posterior"]
"""What a hard label rests on: the estimate, a later right prefix, the answer of a solution through it, or a posterior
over first errors."""


@dataclass(frozen=True, slots=True)
class QuestionRef:
    """The question that was searched."""

    id: str
    problem: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What the search of one question cost and met.

    Attributes:
        rollouts: Rollouts paid for.
        tokens: Tokens paid for.
        searches: Searches for a first error.
        located: Of these, how many found one.
        excluded: Rollouts that the checker could not judge.
        retokenised: Prefixes cut inside a token and tokenised again.
    """

    rollouts: int
    tokens: int
    searches: int
    located: int
    excluded: int
    retokenised: int


@dataclass(frozen=True, slots=True)
class SoftDraws:
    """Draws from a state, of a number fixed beforehand, for its soft label alone: how many right, how many judged."""

    n_correct: int
    n_rollouts: int


@dataclass(frozen=True, slots=True)
class Value:
    """What a posterior makes of the chance that a rollout from a state is right: no Monte Carlo estimate.

    Attributes:
        mean: The posterior mean.
        low: Where its central 95 % begin.
        high: Where they end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Node:
    """A state of the search tree: a solution prefix with what was learnt about it.

    Attributes:
        id: Unique in its tree.
        parent: The id of the prefix one step shorter; `None` at the root.
        depth: Steps from the root.
        step: The text this node adds to its parent's prefix, separator included; empty at the root.
        state: Hash of question and prefix, 32 hex digits.
        n_correct: Right rollouts launched from here.
        n_rollouts: Judged rollouts launched from here.
        n_excluded: Rollouts launched from here that the checker could not judge.
        stopping_rule: When sampling stopped.
        visits: Times it was selected.
        mc: `n_correct / n_rollouts`; `None` if nothing was judged.
        hard: Whether the prefix is right; `None` if nothing says so.
        hard_rule: What `hard` rests on.
        confidence: How probable `hard` is, where a posterior says so.
        soft: Draws for the soft label alone, not among `n_rollouts`; `None` where there are none.
        value: What a posterior makes of the state's value; `None` where none spoke.
    """

    id: int
    parent: int | None
    depth: int
    step: str
    state: str
    n_correct: int
    n_rollouts: int
    n_excluded: int
    stopping_rule: StoppingRule
    visits: int
    mc: float | None
    hard: bool | None
    hard_rule: HardRule | None
    confidence: float | None = None
    soft: SoftDraws | None = None
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """One completion, sampled from a state or supplied with the question.

    Attributes:
        id: Unique in its tree.
        node: The id of the state it was launched from.
        draw: Its number among that state's rollouts, from 2^31 on for draws for a soft label; `None` if supplied.
        seed: What its sampling was seeded with; `None` if supplied.
        text: The completion, without the prefix.
        verdict: A value of `Verdict`.
        answer: The answer found in it.
        n_tokens: Its length.
        source: `policy`, or `supplied:<name>`.
    """

    id: int
    node: int
    draw: int | None
    seed: int | None
    text: str
    verdict: str
    answer: str | None
    n_tokens: int
    source: str


@dataclass(frozen=True, slots=True)
class Search:
    """One search for the first error of a rollout.

    Attributes:
        index: Its number within the question.
        node: The id of the state the rollout was launched from.
        rollout: The rollout's id.
        probes: Ids of the nodes that were sampled, in order.
        outcome: `located` or `not_located`.
        reason: Why it did not locate one; `None` if it did.
        right_node: The longest prefix of the solution found right.
        error_node: The prefix that ends with the first error.
        error_step: Position of that step in the whole solution, from 0.
        posterior: How probable each step of the whole solution is its first error; empty without a posterior.
    """

    index: int
    node: int
    rollout: int
    probes: tuple[int, ...]
    outcome: Literal["located", "not_located"]
    reason: str | None
    right_node: int | None
    error_node: int | None
    error_step: int | None
    posterior: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Everything one question's search found.

    Attributes:
        question: The question.
        gold_source: Where the answer comes from: given, a majority of rollouts, or none.
        finish: Why the search ended.
        counts: What it cost.
        nodes: The tree; every parent stands before its children.
        rollouts: Every rollout.
        searches: Every search for a first error.
        epoch: The epoch of learnt rates that its posteriors started from; `None` without posteriors.
    """

    question: QuestionRef
    gold_source: Literal["given", "majority", "none"]
    finish: str
    counts: Counts
    nodes: tuple[Node, ...]
    rollouts: tuple[Rollout, ...] = ()
    searches: tuple[Search, ...] = ()
    epoch: int | None = None
    _by_id: Mapping[int, Node] = field(init=False, repr=False, compare=False)
    _prefixes: Mapping[int, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id: dict[int, Node] = {}
        prefixes: dict[int, str] = {}
        for node in self.nodes:
            if node.id in by_id:
                raise InputError(f"question {self.question.id}: node {node.id} comes twice", hint=_HINT)
            if node.parent is None and not by_id:
                prefixes[node.id] = node.step
            elif node.parent is not None and node.parent in by_id:
                prefixes[node.id] = prefixes[node.parent] + node.step
            else:
                raise InputError(
                    f"question {self.question.id}: node {node.id} comes before its parent {node.parent}",
                    hint=_HINT,
                )
            by_id[node.id] = node
        if not by_id:
            raise InputError(f"question {self.question.id}: there is no root", hint=_HINT)
        object.__setattr__(self, "_by_id", by_id)
        object.__setattr__(self, "_prefixes", prefixes)

    @classmethod
    def from_json(cls, data: bytes | str | Mapping[str, Any]) -> Self:
        """The artifacts in a JSON text or in what one parses to.

        Raises:
            InputError: If a field is missing or unknown, or the tree is not a tree.
        """
        try:
            content = orjson.loads(data) if isinstance(data, bytes | str) else data
            return cls(
                **{
                    **content,
                    "question": QuestionRef(**content["question"]),
                    "counts": Counts(**content["counts"]),
                    "nodes": tuple(_node(node) for node in content["nodes"]),
                    "rollouts": tuple(Rollout(**rollout) for rollout in content["rollouts"]),
                    "searches": tuple(
                        Search(
                            **{
                                **search,
                                "probes": tuple(search["probes"]),
                                "posterior": tuple(search.get("posterior", ())),
                            }
                        )
                        for search in content["searches"]
                    ),
                }
            )
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(f"these are not search artifacts: {error!r}", hint=_HINT) from error

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "question": asdict(self.question),
            "gold_source": self.gold_source,
            "finish": self.finish,
            "counts": asdict(self.counts),
            "nodes": [_without_absent(asdict(node)) for node in self.nodes],
            "rollouts": [asdict(rollout) for rollout in self.rollouts],
            "searches": [
                {**asdict(search), "probes": list(search.probes), "posterior": list(search.posterior)}
                for search in self.searches
            ],
            "epoch": self.epoch,
        }

    def node(self, node_id: int) -> Node:
        """The node with this id. Raises `KeyError`."""
        return self._by_id[node_id]

    def prefix(self, node_id: int) -> str:
        """The solution prefix of a node: the steps from the root down, byte for byte."""
        return self._prefixes[node_id]

    def path(self, node_id: int) -> list[Node]:
        """The nodes from the first step down to this one; the root is left out."""
        steps: list[Node] = []
        node = self._by_id[node_id]
        while node.parent is not None:
            steps.append(node)
            node = self._by_id[node.parent]
        return steps[::-1]


def _node(fields: Mapping[str, Any]) -> Node:
    soft, value = fields.get("soft"), fields.get("value")
    return Node(
        **{
            **fields,
            "soft": None if soft is None else SoftDraws(**soft),
            "value": None if value is None else Value(**value),
        }
    )


def _without_absent(fields: dict[str, Any]) -> dict[str, Any]:
    """As the core writes a node: what most nodes lack is left out."""
    return {
        name: value for name, value in fields.items() if value is not None or name not in {"soft", "value"}
    }


_HINT = "they come from the search core of another version, or were edited"
