"""Tree search over steps: UCT and PUCT for many trees at once, with leaves in batches.

The search decides; a driver says what a step is, proposes steps and values states. A step is a number the driver gave
it; equal numbers below one node are one step. Values are to be maximised.

>>> def evaluate(leaves, answers):
...     for leaf in range(len(leaves)):
...         bits = leaves.prefix(leaf)
...         answers.evaluated(leaves, leaf, sum(bits) / 4, priors=[0.5, 0.5], terminal=len(bits) == 4)
>>> forest = Forest(MctsConfig(simulations=200))
>>> trees = forest.add_trees(3)
>>> forest.run(evaluate)
>>> [forest.best_line(tree) for tree in trees]
[[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from omega_fast._core import Forest as CoreForest
from omega_fast.errors import InputError

__all__ = ["Answers", "Child", "Forest", "Leaves", "MctsConfig"]

_EVALUATED, _TERMINAL, _PROPOSED, _LOST, _CANCELLED = range(5)
_U32: Final = "I"


@dataclass(frozen=True, slots=True, kw_only=True)
class MctsConfig:
    """The identity of a tree search: with what is answered, it determines every selection.

    `rule` chooses the child with the highest

    * `puct`: Q + c(N) P sqrt(N) / (1 + n), c(N) = ln((1 + N + base) / base) + init (Silver et al., 2018)
    * `uct`: Q + weight sqrt(ln N / max(1, n)) (Kocsis and Szepesvari, 2006)

    N and n count visits in flight and Q does not. `fpu` is the Q of a child without a value: a number, the mean of its
    `parent` less `fpu_reduction`, or `first`, above everything. A fixed 0 with values in [0, 1] makes a search deep and
    narrow; the default does not depend on the range of values.

    `backup` makes Q the mean, the best or the worst of the values below, or fuses them with verdicts on the steps in
    between, as GroundedPRM (arXiv 2510.14942) was `released` or `normalised`, where `outcome_weight` is the outcome's
    share. Values lose the factor `discount` at each node on their way up.

    `widen=(k, a)` lets a node with N visits use ceil(k N**a) steps, likeliest first; with `propose` it asks for more
    once those it has are in use. `merge=False` keeps equal steps apart. `roles` names who values a leaf, with weights.
    `in_flight` leaves of a tree are out at once; it decides, because later selections then know fewer values.
    """

    rule: Literal["puct", "uct"] = "puct"
    base: float = 19652.0
    init: float = 1.25
    weight: float = 1.4
    fpu: float | Literal["parent", "first"] = "parent"
    fpu_reduction: float = 0.0
    backup: Literal["mean", "max", "min", "released", "normalised"] = "mean"
    outcome_weight: float = 0.5
    discount: float = 1.0
    widen: tuple[float, float] | None = None
    propose: bool = False
    merge: bool = True
    roles: Mapping[str, float] = field(default_factory=lambda: {"score": 1.0})
    simulations: int = 800
    in_flight: int = 1
    max_depth: int = 0

    def to_json(self) -> str:
        """The configuration as the core reads it."""
        puct = {"rule": "puct", "base": self.base, "init": self.init}
        widen = self.widen and {"factor": self.widen[0], "exponent": self.widen[1], "propose": self.propose}
        core: dict[str, Any] = {
            "select": puct if self.rule == "puct" else {"rule": self.rule, "weight": self.weight},
            "fpu": self._fpu(),
            "backup": self._backup(),
            "discount": self.discount,
            "widening": widen,
            "merge": self.merge,
            "values": [{"role": role, "weight": weight} for role, weight in self.roles.items()],
            "simulations": self.simulations,
            "in_flight": self.in_flight,
            "max_depth": self.max_depth,
        }
        return json.dumps(core)

    def _fpu(self) -> dict[str, object]:
        if self.fpu == "parent":
            return {"is": "parent", "reduction": self.fpu_reduction}
        return {"is": "first"} if self.fpu == "first" else {"is": "fixed", "value": self.fpu}

    def _backup(self) -> dict[str, object]:
        if self.backup == "released":
            return {"rule": "fused", "fusion": {"fusion": "released"}}
        if self.backup == "normalised":
            return {"rule": "fused", "fusion": {"fusion": "normalised", "outcome": self.outcome_weight}}
        return {"rule": self.backup}


@dataclass(frozen=True, slots=True)
class Leaves:
    """A batch of requests, one a position; all are views of 32-bit numbers.

    `numpy.asarray(leaves.steps)` and the like make arrays without a copy. The path of leaf i from its root is
    `steps[offsets[i]:offsets[i + 1]]`.
    """

    trees: memoryview
    sequences: memoryview
    nodes: memoryview
    proposals: memoryview
    offsets: memoryview
    steps: memoryview

    def __len__(self) -> int:
        return len(self.trees)

    def prefix(self, leaf: int) -> list[int]:
        """The steps from the root to a leaf."""
        return self.steps[self.offsets[leaf] : self.offsets[leaf + 1]].tolist()

    def wants_proposals(self, leaf: int) -> bool:
        """Whether more steps are wanted for a node that is known, and no value."""
        return self.proposals[leaf] == 1


@dataclass(slots=True)
class Answers:
    """Answers gathered one by one; `Forest.answer` takes them."""

    roles: int
    trees: array[int] = field(default_factory=lambda: array(_U32))
    sequences: array[int] = field(default_factory=lambda: array(_U32))
    kinds: bytearray = field(default_factory=bytearray)
    values: array[float] = field(default_factory=lambda: array("f"))
    verdicts: array[float] = field(default_factory=lambda: array("f"))
    offsets: array[int] = field(default_factory=lambda: array(_U32, [0]))
    ids: array[int] = field(default_factory=lambda: array(_U32))
    priors: array[float] = field(default_factory=lambda: array("f"))

    def __len__(self) -> int:
        return len(self.trees)

    def evaluated(
        self,
        leaves: Leaves,
        leaf: int,
        value: float | Sequence[float],
        *,
        priors: Sequence[float] = (),
        steps: Sequence[int] | None = None,
        terminal: bool = False,
        verdict: float | None = None,
    ) -> None:
        """A leaf's value (one a role, NaN for none) and the steps that can follow it.

        Without `steps` they are 0, 1, 2, ..., one a prior; without `priors` all are equally likely.
        `verdict` is a judge's, on the step that leads here; the fused back-ups need it.
        """
        values = list(value) if isinstance(value, Iterable) else [value]
        kind = _TERMINAL if terminal else _EVALUATED
        self._add(leaves, leaf, kind, values=values, steps=steps, priors=priors, verdict=verdict)

    def proposed(
        self, leaves: Leaves, leaf: int, steps: Sequence[int], *, priors: Sequence[float] = ()
    ) -> None:
        """More steps for a node. Without a new one among them the node is not asked about again."""
        self._add(leaves, leaf, _PROPOSED, steps=steps, priors=priors)

    def lost(self, leaves: Leaves, leaf: int) -> None:
        """No answer will come: the step is closed, and counted nowhere."""
        self._add(leaves, leaf, _LOST)

    def cancelled(self, leaves: Leaves, leaf: int) -> None:
        """The request is taken back: the step may be chosen again, and nothing is counted."""
        self._add(leaves, leaf, _CANCELLED)

    def _add(
        self,
        leaves: Leaves,
        leaf: int,
        kind: int,
        *,
        values: Sequence[float] = (),
        steps: Sequence[int] | None = None,
        priors: Sequence[float] = (),
        verdict: float | None = None,
    ) -> None:
        ids = range(len(priors)) if steps is None else steps
        # One table holds all rows, so that every step needs a prior of its own.
        shares = priors if len(priors) or not len(ids) else [1 / len(ids)] * len(ids)
        if len(shares) != len(ids):
            raise InputError(f"{len(ids)} steps and {len(shares)} priors: as many are needed")
        if values and len(values) != self.roles:
            raise InputError(f"{len(values)} values for {self.roles} roles: one a role is needed")
        try:
            new_ids, new_priors = array(_U32, ids), array("f", shares)
            new_values = array("f", values or [float("nan")] * self.roles)
        except (TypeError, OverflowError) as error:
            told = f"leaf {leaf} of tree {leaves.trees[leaf]}: {error}"
            raise InputError(
                told, hint="steps are integers from 0 to 2**31 - 1, values and priors floats"
            ) from error
        self.trees.append(leaves.trees[leaf])
        self.sequences.append(leaves.sequences[leaf])
        self.kinds.append(kind)
        self.values += new_values
        self.verdicts.append(float("nan") if verdict is None else verdict)
        self.ids += new_ids
        self.priors += new_priors
        self.offsets.append(len(self.ids))


@dataclass(frozen=True, slots=True)
class Child:
    """A step below a node: its node once visited, visits (in flight included), values, their Q, prior, whether open."""

    step: int
    node: int | None
    visits: int
    values: int
    q: float | None
    prior: float
    is_open: bool


class Forest:
    """Search trees under one configuration, their leaves in batches.

    Within a tree, answers are committed in the order of their requests, and one that comes early waits: batches, timing
    and other trees change nothing that is selected. Callable from any thread. Raises `ConfigError` for a configuration
    that cannot work.
    """

    def __init__(self, config: MctsConfig | None = None) -> None:
        self.config = config or MctsConfig()
        self._core = CoreForest(self.config.to_json())

    def add_trees(self, count: int) -> range:
        """New trees, and their numbers."""
        if count < 1:
            return range(0)
        first = self._core.add_trees(count)
        return range(first, first + count)

    def poll(self, most: int = 256) -> Leaves:
        """At most so many requests, oldest first; empty when everything waits for answers, or is done."""
        return Leaves(*(memoryview(column).cast(_U32) for column in self._core.poll(most)))

    def answers(self) -> Answers:
        """An empty set of answers for this configuration."""
        return Answers(len(self.config.roles))

    def answer(self, answers: Answers) -> None:
        """Commits answers, in any order and any subset, and selects what is wanted next.

        Raises `InputError` for an answer that does not fit its request, `OmegaError` for a request that is not in
        flight. The answers before the faulty one are taken.
        """
        self.answer_columns(
            trees=answers.trees,
            sequences=answers.sequences,
            kinds=answers.kinds,
            values=answers.values,
            verdicts=answers.verdicts,
            offsets=answers.offsets,
            ids=answers.ids,
            priors=answers.priors,
        )

    def answer_columns(
        self,
        *,
        trees: Any,
        sequences: Any,
        kinds: Any,
        values: Any,
        verdicts: Any,
        offsets: Any,
        ids: Any,
        priors: Any,
    ) -> None:
        """`answer` from columns: numpy arrays or other contiguous buffers of uint32, uint8 (`kinds`) and float32.

        `kinds`: 0 evaluated, 1 evaluated and terminal, 2 proposed, 3 lost, 4 cancelled. `values` has shape
        (n * roles,), `offsets` (n + 1,): row i's steps are `ids[offsets[i]:offsets[i + 1]]`, likewise `priors`. Empty
        `ids` stand for 0, 1, 2, ..., empty `priors` for equal shares, empty `verdicts` for none. Raises what `answer`
        raises.
        """
        columns = (trees, sequences, kinds, values, verdicts, offsets, ids, priors)
        try:
            self._core.answer(*(column if len(column) else None for column in columns))
        except (TypeError, BufferError) as error:
            raise InputError(f"columns: {error}", hint="give contiguous uint32, uint8 or float32") from error

    def run(self, evaluate: Callable[[Leaves, Answers], None], *, batch: int = 256) -> None:
        """Searches every tree to its end: `evaluate` adds an answer for each leaf it is given.

        Raises `InputError` if it does not, and what `answer` raises.
        """
        while len(leaves := self.poll(batch)):
            answers = self.answers()
            evaluate(leaves, answers)
            if len(answers) != len(leaves):
                told = f"{len(leaves)} leaves were given to `evaluate` and {len(answers)} answered"
                raise InputError(told, hint="answer each of them; `lost` and `cancelled` are answers too")
            self.answer(answers)

    def poll_cancels(self) -> list[tuple[int, int]]:
        """Requests that can no longer matter, as (tree, sequence). Late answers to them are ignored."""
        return self._core.poll_cancels()

    def advance(self, tree: int, step: int) -> bool:
        """Makes the root's child by this step the root and keeps what is below it; false if it was never visited."""
        return self._core.advance(tree, step)

    def retire(self, tree: int) -> None:
        """Forgets a tree."""
        self._core.retire(tree)

    def children(self, tree: int, node: int | None = None) -> list[Child]:
        """The children of a node, or of the root, in the order of their slots."""
        return [Child(*each) for each in self._core.children(tree, node)]

    def best_line(self, tree: int, *, by: Literal["visits", "value"] = "visits") -> list[int]:
        """The steps from the root to the end of the best line."""
        return self._core.best_line(tree, by == "value")

    def finished(self, tree: int) -> list[tuple[list[int], float]]:
        """Every finished node, as the steps to it and its value."""
        return self._core.finished(tree)

    def simulations(self, tree: int) -> int:
        """Values that reached the root."""
        return self._core.state(tree)[0]

    def root_value(self, tree: int) -> float | None:
        """The root's Q; `None` before the first value."""
        return self._core.state(tree)[1]

    def in_flight(self, tree: int) -> int:
        """Requests of a tree that are handed out, or about to be, and not answered."""
        return self._core.state(tree)[2]

    @property
    def is_done(self) -> bool:
        """Whether no tree has anything left to do."""
        return self._core.is_done
