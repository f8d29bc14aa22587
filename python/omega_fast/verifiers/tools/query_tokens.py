r"""A query as tokens: numbers, words, signs; plain text and a subset of LaTeX give the same ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from omega_fast.verifiers.tools.query_tree import QueryError
from omega_fast.verifiers.tools.query_words import LATEX, LATEX_SPACES, SYNONYMS

__all__ = ["LONGEST_QUERY", "Token", "tokens_of"]

LONGEST_QUERY = 2000
"""Characters a query may have."""

_MOST_TOKENS = 800
_MOST_DIGITS = 60
_PART = re.compile(
    r"(?P<space>[ \t\r\n\u00a0]+|~(?!=)|\\[ ,;:!]|\\\$|\$(?!\$)|\\\\?(?=\s*$))"
    r"|(?P<number>\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<latex>\\(?:[A-Za-z]+|[{}%|]))"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<sign>\*\*|//|==|!=|<=|>=|~=|[-+*/^=<>(){}\[\],:;!|%_]|[−–×·÷≤≥≠≈°∞π√∈≡∪∩])",  # noqa: RUF001 - what models write
    re.ASCII,
)
_GROUPED = re.compile(r"\d{1,3}(?:(?:,|\{,\}|,\\!|\\,)\d{3})+(?!\d)(?:\.\d+)?", re.ASCII)
_PLAIN = {
    "**": "^", "==": "=", "−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "≤": "<=", "≥": ">=",  # noqa: RUF001
    "≠": "!=", "≈": "~=", "°": "deg", "∞": "oo", "π": "pi", "√": "sqrt", "∈": "in", "≡": "equiv",
    "∪": "union", "∩": "intersection",  # noqa: RUF001
}  # fmt: skip
_OPENING = frozenset({"(", "[", "{", "set"})
_CLOSING = frozenset({")", "]", "}", "endset"})
_FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
_BINOMIALS = frozenset({"binom", "dbinom", "tbinom"})
_UPRIGHT = frozenset({"operatorname", "mathrm", "text", "textrm", "mathop", "mbox"})
_UPRIGHT_WORD = re.compile(r"\s*\*?\{\s*([A-Za-z]+)\s*\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a query.

    Attributes:
        kind: What it is; a sign may be spelled as a word, such as `union`.
        text: Its one spelling.
        latex: Whether it was a LaTeX command.
        glued: Whether it stands right behind the token before it.
    """

    kind: Literal["number", "word", "sign", "end"]
    text: str
    latex: bool = False
    glued: bool = False


def tokens_of(query: str) -> list[Token]:
    """The tokens of a query, an `end` last. Raises `QueryError` for what is in no query, or too long."""
    if len(query) > LONGEST_QUERY:
        raise QueryError(f"the query has {len(query)} characters, more than {LONGEST_QUERY}")
    found: list[Token] = []
    at, depth, end_of_last = 0, 0, -1
    while at < len(query):
        grouped = _GROUPED.match(query, at) if depth == 0 else None
        part = grouped or _PART.match(query, at)
        if part is None:
            raise QueryError(f"{query[at]!r} is in no query")
        kind = "number" if grouped else part.lastgroup
        text, begun, at = part.group(), at, part.end()
        if kind == "space":
            continue
        latex = kind == "latex"
        if latex and text[1:] in LATEX_SPACES:
            # What `\left` and the like stand before is no delimiter if it is a point
            at += query.startswith(".", at)
            continue
        if latex and text[1:] in _UPRIGHT:
            upright = _UPRIGHT_WORD.match(query, at)
            if upright is None:
                raise QueryError(f"{text} holds more than a word")
            kind, text, at = "word", upright[1], upright.end()
        token = _token(str(kind), text, latex=latex, glued=begun == end_of_last)
        if text == "!=" and token.glued and (found[-1].kind != "sign" or found[-1].text in _CLOSING):
            raise QueryError(
                "'!=' right behind a factor can be a factorial: put a blank before it, or inside"
            )
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        found.append(token)
        end_of_last = at
        if len(found) > _MOST_TOKENS:
            raise QueryError(f"the query has more than {_MOST_TOKENS} parts")
    return [*found, Token("end", "")]


def _token(kind: str, text: str, *, latex: bool, glued: bool) -> Token:
    if kind == "number":
        digits = re.sub(r"[^0-9.]", "", text)
        if len(digits) > _MOST_DIGITS:
            raise QueryError(f"a number has {len(digits)} digits, more than {_MOST_DIGITS}")
        return Token("number", digits, glued=glued)
    if latex and kind == "latex":
        name = text[1:]
        if name in _FRACTIONS | _BINOMIALS:
            name = "frac" if name in _FRACTIONS else "binom"
        elif name in LATEX:
            name = LATEX[name]
        elif name in ("{", "}"):
            return Token("sign", "set" if name == "{" else "endset", latex=True, glued=glued)
        name = SYNONYMS.get(name, name)
        return Token("word" if name.isalpha() else "sign", name, latex=True, glued=glued)
    if kind == "word":
        return Token("word", SYNONYMS.get(text, text), glued=glued)
    spelled = _PLAIN.get(text, text)
    return Token("word" if spelled.isalpha() else "sign", spelled, glued=glued)
