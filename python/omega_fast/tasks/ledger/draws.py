"""Streams of random draws that are named, not shared: no draw depends on what was drawn elsewhere."""

from __future__ import annotations

import random

__all__ = ["stream"]


def stream(*name: object) -> random.Random:
    """A generator seeded by the text of `name` alone; equal names give equal draws on every machine."""
    return random.Random("/".join(map(str, name)))  # noqa: S311 - reproducible, not secret
