"""Splits by question that stay the same however the data grow: a question's part depends on its text alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

from omega_fast.errors import ConfigError

__all__ = ["parse_shares", "part_of", "path_of_part", "place_of"]

_PLACES = 1 << 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_HINT = "write NAME=SHARE,NAME=SHARE with shares that add up to 1, such as train=0.9,test=0.1"


def place_of(question: str) -> float:
    """The place of a question in [0, 1): a hash of its text, blanks around it left out; places are spread evenly."""
    digest = blake2b(question.strip().encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") / _PLACES


def parse_shares(text: str) -> dict[str, float]:
    """The shares in a text such as `train=0.9,test=0.1`, in its order.

    Raises:
        ConfigError: If it is not of that form, a name comes twice, or the shares do not add up to 1.

    >>> parse_shares("train=0.9,test=0.1")
    {'train': 0.9, 'test': 0.1}
    """
    shares: dict[str, float] = {}
    for item in text.split(","):
        name, _, said = (each.strip() for each in item.partition("="))
        try:
            share = float(said)
        except ValueError as error:
            raise ConfigError(f"{item.strip()!r} is no name with a share", hint=_HINT) from error
        if not _NAME.fullmatch(name) or name in shares or not 0 < share <= 1:
            raise ConfigError(f"{item.strip()!r} cannot be a part", hint=_HINT)
        shares[name] = share
    if not math.isclose(sum(shares.values()), 1, abs_tol=1e-9):
        raise ConfigError(f"the shares {text} add up to {sum(shares.values()):g}", hint=_HINT)
    return shares


def part_of(question: str, shares: Mapping[str, float]) -> str:
    """The part that a question belongs to.

    Parts are laid out from the last to the first, so a question held out as the last part stays there when that
    part's share grows.

    >>> part_of("1 + 1", {"train": 1.0})
    'train'
    """
    place = place_of(question)
    upper = 0.0
    for name in reversed(list(shares)):
        upper += shares[name]
        if place < upper:
            return name
    return next(iter(shares))


def path_of_part(path: Path, name: str) -> Path:
    """The file of a part, beside the file that would hold all.

    >>> path_of_part(Path("out/rows.csv"), "test").name
    'rows_test.csv'
    """
    return path.with_name(f"{path.stem}_{name}{path.suffix}")
