"""The words of the query language: functions with how many arguments they take, constants, LaTeX spellings."""

from __future__ import annotations

from types import MappingProxyType

__all__ = [
    "BINDERS",
    "CONSTANTS",
    "FUNCTIONS",
    "GREEK",
    "LATEX",
    "LATEX_SPACES",
    "SYNONYMS",
    "UNKNOWN_FUNCTIONS",
]

_ANY = 20
_TRIGONOMETRIC = ("sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "sinh", "cosh", "tanh")

FUNCTIONS = MappingProxyType(
    dict.fromkeys((*_TRIGONOMETRIC, "ln", "exp", "abs", "floor", "ceil", "factorial", "sqrt"), (1, 1))
    | {"log": (1, 2), "root": (2, 2), "binomial": (2, 2), "mod": (2, 2)}
    | dict.fromkeys(("gcd", "lcm", "max", "min"), (2, _ANY))
    | {"diff": (2, 3), "integrate": (2, 4), "limit": (3, 4), "sum": (4, 4), "product": (4, 4)}
    | {"solve": (2, _ANY)}
)
"""Fewest and most arguments of each function."""

BINDERS = MappingProxyType({"integrate": 1, "limit": 1, "sum": 1, "product": 1})
"""The position of the argument that names the bound variable."""

CONSTANTS = frozenset({"pi", "e", "i", "oo", "reals", "integers"})

SYNONYMS = MappingProxyType(
    {
        "derivative": "diff",
        "integral": "integrate",
        "lim": "limit",
        "prod": "product",
        "choose": "binomial",
        "arcsin": "asin",
        "arccos": "acos",
        "arctan": "atan",
        "ceiling": "ceil",
        "infinity": "oo",
        "inf": "oo",
        "Abs": "abs",
        "nCr": "binomial",
    }
)

GREEK = frozenset(
    {
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
    }
    | {
        "xi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "varphi",
        "vartheta",
        "varepsilon",
    }
    | {"Gamma", "Delta", "Theta", "Lambda", "Xi", "Sigma", "Upsilon", "Phi", "Psi", "Omega", "ell"}
)
"""Names of more than one letter."""

UNKNOWN_FUNCTIONS = frozenset("fghFGHPQ")
"""Letters that, before a parenthesis, name a function that nobody has defined."""

LATEX = MappingProxyType(
    {
        "cdot": "*",
        "times": "*",
        "ast": "*",
        "div": "/",
        "le": "<=",
        "leq": "<=",
        "leqslant": "<=",
        "ge": ">=",
        "geq": ">=",
        "geqslant": ">=",
        "lt": "<",
        "gt": ">",
        "ne": "!=",
        "neq": "!=",
        "approx": "~=",
        "in": "in",
        "infty": "oo",
        "lvert": "|",
        "rvert": "|",
        "vert": "|",
        "equiv": "equiv",
        "cup": "union",
        "cap": "intersection",
        "lfloor": "lfloor",
        "rfloor": "rfloor",
        "lceil": "lceil",
        "rceil": "rceil",
        "circ": "deg",
        "degree": "deg",
        "colon": ":",
        "mathbb": "mathbb",
    }
)
"""LaTeX commands that are other spellings of a sign or word."""

LATEX_SPACES = frozenset(
    {"left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "quad", "qquad"}
    | {"displaystyle", "textstyle", "limits", "nolimits"}
)
"""LaTeX commands that say nothing about the value."""
