"""What a query says, as a tree: numbers, names, applications, relations. Plain data; nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Apply",
    "Expression",
    "MeaninglessError",
    "Name",
    "Number",
    "Query",
    "QueryError",
    "Relation",
    "names_in",
    "nodes_of",
]


class QueryError(ValueError):
    """A text that is no query, or asks for more than is allowed; the message says why."""


class MeaninglessError(QueryError):
    """A claim that names a value which does not exist, such as 1/0 or a digit outside of its base: it is wrong."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written, without separators: digits, perhaps with a point."""

    digits: str

    @property
    def decimals(self) -> int | None:
        """How many digits stand behind its point; `None` without one."""
        return len(self.digits.partition(".")[2]) if "." in self.digits else None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, which stands for a real number, or a constant: `pi`, `e`, `i`, `oo`."""

    text: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or a function with its arguments; `query_words` lists the functions."""

    operator: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """Two sides and what is said of them: `=`, `~=`, `!=`, `<`, `<=`, `>`, `>=`, `in`, or `mod`, with the modulus."""

    left: Expression
    sign: str
    right: Expression
    modulus: Expression | None = None


Expression = Number | Name | Apply | Relation


@dataclass(frozen=True, slots=True)
class Query:
    """A chain of relations that are all claimed to hold.

    Attributes:
        relations: At least one; each begins with the side that the one before ends with.
        conditions: What is taken to hold. With conditions, even none (`for all`), the claim is about every value of
            its variables; `None` leaves open whether it is an identity or an equation for some of them.
    """

    relations: tuple[Relation, ...]
    conditions: tuple[Relation, ...] | None = None


def nodes_of(*roots: Expression) -> list[Expression]:
    """All nodes of expressions, the roots first."""
    found: list[Expression] = []
    left = list(roots)
    while left:
        node = left.pop()
        found.append(node)
        if isinstance(node, Apply):
            left += node.arguments
        elif isinstance(node, Relation):
            left += [node.left, node.right, *([node.modulus] if node.modulus is not None else [])]
    return found


def names_in(*roots: Expression) -> set[str]:
    """The variables and constants in expressions, bound ones included."""
    return {node.text for node in nodes_of(*roots) if isinstance(node, Name)}
