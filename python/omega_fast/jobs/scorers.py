"""A scorer by name or as an object, and what identifies it from one start to the next."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omega_fast.backends.policy_identity import checkpoint_hashes, policy_name
from omega_fast.models.scorers import ScorerOptions, load_scorer
from omega_fast.records import StepScorer

__all__ = ["ScorerOptions", "opened"]

_SAYS = {
    "reference",
    "coefficient",
    "tokenizer",
    "prm_token",
    "begin_of_action_token",
    "good_token",
    "bad_token",
}
"""Options that change what a scorer says, where they are given."""


def opened(
    scorer: str | StepScorer, shape: str, options: ScorerOptions
) -> tuple[StepScorer, str, Mapping[str, Any]]:
    """The scorer, a short name for it, and its identity as JSON values.

    A checkpoint is identified by the content of its files, a function of one's own by its module's source, an object
    by its class, whose changes nobody notices.

    Raises as `load_scorer` does.
    """
    if not isinstance(scorer, str):
        name = f"{type(scorer).__module__}.{type(scorer).__qualname__}"
        return scorer, name, {"object": name}
    loaded = load_scorer(scorer, shape, options)
    run: dict[str, object] = {"shape": shape, "dtype": options.dtype, "max_length": options.max_length}
    run |= {
        each.name: _content(value) if each.name in ("reference", "tokenizer") else value
        for each in fields(options)
        if each.name in _SAYS and (value := getattr(options, each.name)) != each.default
    }
    if Path(scorer).is_dir():
        return loaded, policy_name(scorer), {"checkpoint": _content(scorer), **run}
    module, found, _ = scorer.partition(":")
    if found:
        spec = find_spec(module)
        source = Path(spec.origin).read_bytes() if spec is not None and spec.origin else b""
        return loaded, scorer, {"function": scorer, "source": hashlib.sha256(source).hexdigest()}
    return loaded, scorer, {"hub": scorer, "revision": options.revision, **run}


def _content(name: str) -> object:
    """Hashes of a folder's files; the name of a checkpoint on the hub."""
    return checkpoint_hashes(Path(name)) if Path(name).is_dir() else name
