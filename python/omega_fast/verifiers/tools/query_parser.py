"""The strict parser of queries: text to tree, by recursive descent, with limits, and without any evaluation.

    query      = ["given" relation {"," relation} ":" | "for all" [name {"," name}] ":"] chain
    chain      = side sign side {sign side} ["(mod" side ")"]
    side       = sum {("union" | "intersection") sum}
    sum        = ["-"] term {("+" | "-") term}
    term       = factor {["*" | "/" | "//"] factor}
    factor     = primary ["!" | "%" | "deg"] ["^" factor]

What can be read in two ways is refused: `1/2x`, a number behind a number, a mixed number, `f(x)` of an unknown f.
"""

from __future__ import annotations

from collections.abc import Sequence

from omega_fast.verifiers.tools.query_primaries import Primaries
from omega_fast.verifiers.tools.query_tokens import tokens_of
from omega_fast.verifiers.tools.query_tree import Apply, Expression, Query, QueryError, Relation

__all__ = ["parse_query"]

_SIGNS = {
    "=": "=",
    "~=": "~=",
    "!=": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "in": "in",
    "equiv": "mod",
}


def parse_query(text: str) -> Query:
    """The query that a text spells.

    >>> parse_query("given x = 2: x^2 = 4").conditions
    (Relation(left=Name(text='x'), sign='=', right=Number(digits='2'), modulus=None),)

    Raises:
        QueryError: It is none, can be read in two ways, or is too long or too deep.
    """
    parser = _Parser(tokens_of(text))
    query = parser.query()
    if parser.token.kind != "end":
        raise QueryError(f"{parser.token.text!r} is not expected there")
    return query


class _Parser(Primaries):
    """The upper half of the grammar; `Primaries` is the lower one."""

    def query(self) -> Query:
        conditions: tuple[Relation, ...] | None = None
        if self.taken("given"):
            found = [self.relation()]
            while self.taken(","):
                found.append(self.relation())
            self.expect(":")
            conditions = tuple(found)
        elif self.token.text == "for" and self.following.text == "all":
            self.advance()
            self.advance()
            while not self.taken(":"):
                self.name()
                self.taken(",")
            conditions = ()
        return Query(self.chain(), conditions)

    def relation(self) -> Relation:
        """One relation."""
        found = self.chain()
        if len(found) > 1:
            raise QueryError("a condition is one relation, not a chain")
        return found[0]

    def chain(self) -> tuple[Relation, ...]:
        sides = [self.side()]
        signs: list[str] = []
        while self.token.text in _SIGNS:
            signs.append(_SIGNS[self.token.text])
            self.advance()
            sides.append(self.side())
        if not signs:
            raise QueryError("nothing is claimed: there is no = or other relation")
        modulus = self._modulus() if "mod" in signs else None
        return tuple(
            Relation(left, sign, right, modulus if sign == "mod" else None)
            for left, sign, right in zip(sides, signs, sides[1:], strict=False)
        )

    def _modulus(self) -> Expression:
        if self.taken("pmod"):
            return self.group()
        if self.token.text == "(" and self.following.text == "mod":
            self.advance()
        elif self.token.text not in ("mod", "bmod"):
            raise QueryError("a congruence needs its modulus: a equiv b (mod n)")
        closes = self.before.text == "("
        self.advance()
        modulus = self.side()
        if closes:
            self.expect(")")
        return modulus

    def side(self) -> Expression:
        """An expression or a set."""
        left = self.sum()
        while self.token.text in ("union", "intersection"):
            operator = self.token.text
            self.advance()
            left = Apply(operator, (left, self.sum()))
        return left

    def sum(self) -> Expression:
        """Terms, added and subtracted."""
        with self.deeper():
            left = self._signed()
            while self.token.text in ("+", "-"):
                operator = self.token.text
                self.advance()
                left = Apply(operator, (left, self._signed()))
            return left

    def _signed(self) -> Expression:
        negative = False
        while self.token.text in ("+", "-"):
            negative ^= self.token.text == "-"
            self.advance()
        term = self._term()
        return Apply("neg", (term,)) if negative else term

    def _term(self) -> Expression:
        left = self.factor()
        divided = False
        while True:
            operator = self.token.text
            if operator in ("*", "/", "//"):
                self.advance()
                applied = Apply("*" if operator == "*" else "/", (left, self._factor_with_sign()))
                left = Apply("floor", (applied,)) if operator == "//" else applied
                divided = operator != "*"
            elif self.begins_factor():
                if divided:
                    raise QueryError("a product without its sign behind a quotient can be read in two ways")
                left = Apply("*", (left, self.behind(left)))
            else:
                return left

    def _factor_with_sign(self) -> Expression:
        negative = False
        while self.token.text in ("+", "-"):
            negative ^= self.token.text == "-"
            self.advance()
        factor = self.factor()
        return Apply("neg", (factor,)) if negative else factor

    def product(self) -> Expression:
        """A product, as it stands behind a sum's or product's sign in LaTeX."""
        return self._term()

    def conditions(self) -> Sequence[Relation]:
        """Relations separated by commas."""
        found = list(self.chain())
        while self.taken(","):
            found += self.chain()
        return found
