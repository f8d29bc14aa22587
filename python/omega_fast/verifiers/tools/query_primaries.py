"""The lower half of the query grammar: factors, groups, functions, numbers and names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from omega_fast.verifiers.tools.query_tokens import Token
from omega_fast.verifiers.tools.query_tree import (
    Apply,
    Expression,
    MeaninglessError,
    Name,
    Number,
    QueryError,
    Relation,
)
from omega_fast.verifiers.tools.query_words import (
    BINDERS,
    CONSTANTS,
    FUNCTIONS,
    GREEK,
    UNKNOWN_FUNCTIONS,
)

__all__ = ["Primaries"]

_DEEPEST = 40
_LONGEST_PRODUCT_OF_LETTERS = 3
_LARGEST_BASE = 36
_CLOSING = {"(": ")", "[": "]", "{": "}", "set": "endset", "lfloor": "rfloor", "lceil": "rceil"}
_INVERSES = {"sin": "asin", "cos": "acos", "tan": "atan"}
_OPERATOR_WORDS = frozenset(
    {
        "union",
        "intersection",
        "in",
        "equiv",
        "mod",
        "bmod",
        "pmod",
        "deg",
        "given",
        "endset",
        "rfloor",
        "rceil",
    }
)
_SETS = {"R": "reals", "Z": "integers"}
_POSTFIX = {"!": "factorial", "%": "percent", "deg": "degrees"}


class Primaries:
    """A cursor over tokens that reads what stands between operators."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = list(tokens)
        self._at = 0
        self._depth = 0
        self._bars = 0

    # What the upper half gives.

    def sum(self) -> Expression:
        """Terms, added and subtracted."""
        raise NotImplementedError

    def side(self) -> Expression:
        """An expression or a set."""
        raise NotImplementedError

    def product(self) -> Expression:
        """Factors, multiplied and divided."""
        raise NotImplementedError

    def conditions(self) -> Sequence[Relation]:
        """Relations separated by commas."""
        raise NotImplementedError

    # The cursor.

    @property
    def token(self) -> Token:
        """The token that is read next."""
        return self._tokens[self._at]

    @property
    def following(self) -> Token:
        """The token behind it."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    @property
    def before(self) -> Token:
        """The token that was read last."""
        return self._tokens[self._at - 1]

    def advance(self) -> Token:
        """Go on by one token, and return it."""
        token = self.token
        self._at += token.kind != "end"
        return token

    def taken(self, text: str) -> bool:
        """Whether the next token is this one; it then is read."""
        found = self.token.text == text and self.token.kind != "end"
        if found:
            self.advance()
        return found

    def expect(self, text: str) -> None:
        """Read this token. Raises `QueryError`."""
        if not self.taken(text):
            said = "the end" if self.token.kind == "end" else repr(self.token.text)
            raise QueryError(f"{text!r} is expected where {said} stands")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level of nesting more. Raises `QueryError` for too many."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise QueryError(f"the query nests more than {_DEEPEST} levels deep")
        yield
        self._depth -= 1

    # Factors.

    def begins_factor(self) -> bool:
        """Whether a factor begins here, so that a product without its sign is meant."""
        token = self.token
        if token.kind == "word":
            return token.text not in _OPERATOR_WORDS
        if token.kind == "number":
            raise QueryError(f"{token.text} stands behind a factor without a sign between them")
        return token.text in ("(", "[") and self.following.text not in ("mod", "bmod")

    def behind(self, left: Expression) -> Expression:
        """The factor of a product without its sign. Raises `QueryError` where it can be read in two ways."""
        is_fraction = self.token.text == "frac"
        factor = self.factor()
        if (
            is_fraction
            and isinstance(left, Number)
            and isinstance(factor, Apply)
            and all(isinstance(each, Number) for each in factor.arguments)
        ):
            raise QueryError("a number before a fraction of numbers can be a product or a mixed number")
        return factor

    def factor(self) -> Expression:
        """A primary with its power."""
        with self.deeper():
            base = self._with_postfix(self._primary())
            if self.token.text != "^":
                return base
            self.advance()
            if self._is_degree():
                return self._with_postfix(Apply("degrees", (base,)))
            return self._with_postfix(Apply("^", (base, self._exponent())))

    def group(self) -> Expression:
        """What stands in braces or parentheses."""
        for opening in ("{", "("):
            if self.taken(opening):
                inner = self.side()
                self.expect(_CLOSING[opening])
                return inner
        raise QueryError("a group in braces is expected")

    def name(self) -> Name:
        """A variable."""
        found = self._primary()
        if not isinstance(found, Name) or found.text in CONSTANTS - {"e", "i"}:
            raise QueryError("a variable is expected")
        return found

    def _is_degree(self) -> bool:
        if self.taken("deg"):
            return True
        if self.token.text == "{" and self.following.text == "deg":
            self.advance()
            self.advance()
            self.expect("}")
            return True
        return False

    def _exponent(self) -> Expression:
        if self.token.text == "{":
            return self.group()
        negative = False
        while self.token.text in ("+", "-"):
            negative ^= self.token.text == "-"
            self.advance()
        power = self.factor()
        return Apply("neg", (power,)) if negative else power

    def _with_postfix(self, base: Expression) -> Expression:
        while self.token.text in _POSTFIX:
            base = Apply(_POSTFIX[self.advance().text], (base,))
        return base

    def _primary(self) -> Expression:
        token = self.token
        if token.kind == "number":
            self.advance()
            return self._based(token) if self.token.text == "_" else Number(token.text)
        if token.text == "|":
            return self._absolute()
        if token.text in _CLOSING:
            return self._bracketed()
        if token.kind == "word" and token.text not in _OPERATOR_WORDS:
            return self._word()
        raise QueryError(
            "the query ends too soon" if token.kind == "end" else f"{token.text!r} is not expected there"
        )

    def _based(self, digits: Token) -> Expression:
        self.advance()
        base = self._one_character()
        if not isinstance(base, Number) or "." in digits.text or not base.digits.isdigit():
            raise QueryError("a number's base is written 101_2")
        radix = int(base.digits)
        if not 2 <= radix <= _LARGEST_BASE:
            raise QueryError(f"a base is a number from 2 to {_LARGEST_BASE}")
        try:
            return Number(str(int(digits.text, radix)))
        except ValueError:
            raise MeaninglessError(f"{digits.text} is no number in base {radix}") from None

    def _absolute(self) -> Expression:
        self.advance()
        self._bars += 1
        inner = self.sum()
        self._bars -= 1
        self.expect("|")
        return Apply("abs", (inner,))

    def _bracketed(self) -> Expression:
        opening = self.advance().text
        closing = _CLOSING[opening]
        if opening in ("lfloor", "lceil"):
            inner = self.sum()
            self.expect(closing)
            return Apply("floor" if opening == "lfloor" else "ceil", (inner,))
        items: list[Expression] = []
        if self.token.text != closing:
            items.append(self.side())
            while self.taken(","):
                items.append(self.side())
        if opening in ("{", "set"):
            self.expect(closing)
            return Apply("set", tuple(items))
        ended = self.advance().text
        if ended == closing and len(items) == 1:
            return items[0]
        if ended not in (")", "]") or len(items) < 2 or (ended != closing and len(items) > 2):
            raise QueryError("a parenthesis does not close")
        return Apply(opening + ended, tuple(items))

    # Words.

    def _word(self) -> Expression:
        token = self.advance()
        word = token.text
        if word in ("frac", "binom"):
            first, second = self._one_character(), self._one_character()
            return Apply("/" if word == "frac" else "binomial", (first, second))
        if word in ("sum", "product") and self.token.text == "_":
            return self._big_operator(word)
        if word in FUNCTIONS:
            return self._function(word)
        if word == "boxed":
            return self.group()
        return self._named(token)

    def _named(self, token: Token) -> Expression:
        """A constant, a set or a variable, or a product of variables."""
        word = token.text
        if word == "mathbb":
            return self._blackboard()
        if word == "emptyset":
            return Apply("set", ())
        if word == "e" and self.token.text != "^":
            raise QueryError("e can be a variable here: Euler's number is written exp(1)")
        if word in CONSTANTS:
            return Name(word)
        if len(word) == 1 or word in GREEK:
            return self._variable(word + self._subscript())
        if token.latex or len(word) > _LONGEST_PRODUCT_OF_LETTERS:
            raise QueryError(f"the word {word[:40]!r} is not known")
        product: Expression = Name(word[0])
        for letter in word[1:-1]:
            product = Apply("*", (product, Name(letter)))
        return Apply("*", (product, self._variable(word[-1] + self._subscript())))

    def _blackboard(self) -> Name:
        self.expect("{")
        said = self.advance().text
        self.expect("}")
        if said not in _SETS:
            raise QueryError(f"the set {said} is not known")
        return Name(_SETS[said])

    def _variable(self, name: str) -> Name:
        """A variable that is not applied to something. Raises `QueryError` where it looks like a function."""
        at = self._at
        if name[0] in UNKNOWN_FUNCTIONS and self.token.text == "^":
            self.advance()
            self._exponent()
        if self.token.text == "(":
            inner = self._tokens[self._at + 1 : self._at + 3]
            bare = inner[0].kind in ("number", "word") and inner[-1].text == ")"
            if bare or name[0] in UNKNOWN_FUNCTIONS:
                raise QueryError(
                    f"{name} looks like a function, which is not known; a product is {name}*(...)"
                )
        self._at = at
        return Name(name)

    def _subscript(self) -> str:
        if not self.taken("_"):
            return ""
        if not self.taken("{"):
            return f"_{self._first_character()}"
        said = ""
        while not self.taken("}"):
            if self.token.kind not in ("word", "number") and self.token.text not in ("+", "-", ","):
                raise QueryError("a subscript holds letters and digits")
            said += self.advance().text
        return f"_{said}"

    def _first_character(self) -> str:
        """The first character of a word or number; the rest of it stays."""
        token = self.token
        if token.kind not in ("word", "number") or token.latex:
            raise QueryError("a letter or digit is expected")
        if len(token.text) > 1:
            self._tokens[self._at] = replace(token, text=token.text[1:])
        else:
            self.advance()
        return token.text[0]

    def _one_character(self) -> Expression:
        """A LaTeX argument: a group, a command, or one character."""
        if self.token.text == "{":
            return self.group()
        if self.token.latex:
            return self._primary()
        said = self._first_character()
        return Number(said) if said.isdigit() else Name(said)

    def _big_operator(self, word: str) -> Expression:
        """LaTeX's sum or product: an index from a to b, and the product behind it."""
        self.advance()
        self.expect("{")
        index = self.name()
        self.expect("=")
        first = self.side()
        self.expect("}")
        self.expect("^")
        last = self._one_character()
        return Apply(word, (self.product(), index, first, last))

    def _function(self, word: str) -> Expression:
        base = power = None
        root: Expression | None = None
        if word == "sqrt" and self.taken("["):
            root = self.sum()
            self.expect("]")
        if word == "log" and self.taken("_"):
            base = self._one_character()
        if self.taken("^"):
            power = self._exponent()
        if self.token.text == "(":
            arguments = self._arguments(word)
        elif word in ("sqrt",):
            arguments = (self._one_character(),)
        else:
            arguments = (self._bare_argument(word),)
        fewest, most = FUNCTIONS[word]
        if not fewest <= len(arguments) <= most:
            raise QueryError(f"{word} takes {fewest} to {most} arguments, not {len(arguments)}")
        if base is not None:
            if len(arguments) != 1:
                raise QueryError("a logarithm has two bases")
            arguments = (*arguments, base)
        if word in BINDERS and not isinstance(arguments[1], Name):
            raise QueryError(f"the second argument of {word} is its variable")
        applied = Apply("root", (*arguments, root)) if root is not None else Apply(word, arguments)
        if power is None:
            return applied
        if power == Apply("neg", (Number("1"),)) and word in _INVERSES:
            return Apply(_INVERSES[word], arguments)
        return Apply("^", (applied, power))

    def _arguments(self, word: str) -> tuple[Expression, ...]:
        self.expect("(")
        if word == "solve":
            asked = [*self.conditions()]
            self.expect(";")
            names: list[Expression] = [self.name()]
            while self.taken(","):
                names.append(self.name())
            self.expect(")")
            return (*asked, Apply("names", tuple(names)))
        found = [self.side()]
        while self.taken(","):
            one_sided = word == "limit" and len(found) == 3 and self.token.text in ("+", "-")
            found.append(Name(self.advance().text) if one_sided else self.side())
        self.expect(")")
        return tuple(found)

    def _bare_argument(self, word: str) -> Expression:
        """The argument of a function without parentheses: simple factors up to the next function or sign."""
        if word in BINDERS or word == "solve":
            raise QueryError(f"{word} needs parentheses")
        if self.token.text == "{":
            return self.group()
        argument: Expression | None = None
        while self.token.kind in ("number", "word") and self.token.text not in {*FUNCTIONS, *_OPERATOR_WORDS}:
            if self.token.kind == "number" and argument is not None:
                break
            each = self.factor()
            argument = each if argument is None else Apply("*", (argument, each))
        if argument is None:
            raise QueryError(f"{word} has no argument")
        return argument
