"""Whose trees a folder holds: of which roots, searched by which rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from omega_fast.errors import RunConflictError, StoreError
from omega_fast.grounded.problem import Problem
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.store.files import LocalFileSystem, naming, write_atomically
from omega_fast.store.lines import encode_json

__all__ = ["SEARCHED", "TREES", "claim_folder"]

TREES = "mcts_tree"
"""The folder of trees, a file for each root."""

SEARCHED = "search.json"
"""The file that says it."""


def claim_folder(folder: Path, roots: Sequence[Problem], settings: SearchSettings) -> None:
    """Write down what is searched in a folder, which is made; more roots may come later, other ones may not.

    Args:
        folder: Where the trees go.
        roots: All of the file, whichever of them are searched now.
        settings: How.

    Raises:
        RunConflictError: It holds trees of other roots, or by other rules.
        StoreError: The file cannot be read or written.
    """
    asked = {each.name: _digest(each) for each in roots}
    rules = asdict(settings)
    there = _read(folder / SEARCHED)
    # A search that ended before its first tree leaves nothing that could be mixed up
    if there is not None and next((folder / TREES).glob("*.json"), None) is not None:
        held: Mapping[str, str] = there["roots"]
        other = [name for name, value in rules.items() if there["rules"].get(name, value) != value]
        if not (held.items() <= asked.items() or asked.items() <= held.items()):
            other.insert(0, "roots")
        if other:
            raise RunConflictError(
                f"{folder} holds a search with other {', '.join(other)}",
                hint="give another folder, or the roots and settings that it was begun with",
            )
        asked = {**held, **asked}
        rules = {**there["rules"], **rules}
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
    content = encode_json({"roots": asked, "rules": rules}, what=SEARCHED) + b"\n"
    write_atomically(LocalFileSystem(), folder / SEARCHED, content)


def _digest(root: Problem) -> str:
    return blake2b(root.question.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found["roots"], dict) or not isinstance(found["rules"], dict):
            raise ValueError("it has no roots or no rules")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read: {error}", hint="give another folder") from None
    return dict(found)
