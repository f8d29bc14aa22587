"""A scorer by name or as an object, and what identifies it from one start to the next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omega_fast.backends.policy_identity import checkpoint_hashes, policy_name
from omega_fast.models.base import QueuedScorer
from omega_fast.models.prm_card import CARD
from omega_fast.models.scorers import SHAPES, ScorerOptions, load_scorer, scores_by_prefix
from omega_fast.models.scorers.cached import CachedScorer
from omega_fast.models.scorers.step_memory import StepMemory
from omega_fast.models.scorers.verdict_text import PROMPTS
from omega_fast.records import StepScorer

__all__ = ["Opened", "ScorerOptions", "opened"]

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


@dataclass(frozen=True, slots=True)
class Opened:
    """A scorer in use.

    Attributes:
        scorer: It.
        name: A short name for it.
        identity: What tells it from others, as JSON values.
        by_prefix: Whether a step's score is known to be the same in every longer solution.
    """

    scorer: StepScorer
    name: str
    identity: Mapping[str, Any]
    by_prefix: bool

    def cached(self) -> CachedScorer:
        """The same, asked for nothing twice while this one lives."""
        return CachedScorer(self.scorer, StepMemory(self.identity, by_prefix=self.by_prefix))

    def for_search(self) -> StepScorer:
        """The scorer as a search asks it: with a memory where what it is asked is paid for or goes elsewhere."""
        return self.cached() if isinstance(self.scorer, QueuedScorer) else self.scorer


@contextmanager
def opened(scorer: str | StepScorer, shape: str, options: ScorerOptions) -> Iterator[Opened]:
    """The scorer until the end of the block; one that is named is closed there.

    A checkpoint is identified by the content of its files and by what runs it, a function of one's own by its
    module's source, an object by its class, whose changes nobody notices.

    Raises as `load_scorer` does.
    """
    if not isinstance(scorer, str):
        name = f"{type(scorer).__module__}.{type(scorer).__qualname__}"
        yield Opened(scorer, name, {"object": name}, by_prefix=False)
        return
    loaded = load_scorer(scorer, shape, options)
    try:
        yield Opened(loaded, *_identity(scorer, shape, options), scores_by_prefix(scorer, shape))
    finally:
        if isinstance(loaded, QueuedScorer):
            loaded.close()


def _identity(scorer: str, shape: str, options: ScorerOptions) -> tuple[str, Mapping[str, Any]]:
    """A short name, and what identifies it."""
    run: dict[str, object] = {"shape": shape, "dtype": options.dtype, "max_length": options.max_length}
    run |= {
        each.name: _content(value) if each.name in ("reference", "tokenizer") else value
        for each in fields(options)
        if each.name in _SAYS and (value := getattr(options, each.name)) != each.default
    }
    if options.engine != "torch":
        run["engine"] = options.engine
    if options.server is not None:
        run["served_as"] = options.server.model
    if shape == "critic":
        run["judging"] = asdict(options.judging)
    if shape in SHAPES and SHAPES[shape].chats:
        judged = {"judging": asdict(options.judging)} if shape == "judge" else {}
        return scorer, {"served": scorer, "shape": shape, "prompts": PROMPTS, **judged}
    if Path(scorer).is_dir():
        return policy_name(scorer), {"checkpoint": _content(scorer), **run}
    module, found, _ = scorer.partition(":")
    if found and not (shape in SHAPES and SHAPES[shape].writes):
        spec = find_spec(module)
        source = Path(spec.origin).read_bytes() if spec is not None and spec.origin else b""
        return scorer, {"function": scorer, "source": hashlib.sha256(source).hexdigest()}
    return scorer, {"hub": scorer, "revision": options.revision, **run}


def _content(name: str) -> object:
    """Hashes of a folder's files; the name of a checkpoint on the hub."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    found = checkpoint_hashes(folder)
    if (folder / CARD).is_file():
        found[CARD] = hashlib.sha256((folder / CARD).read_bytes()).hexdigest()
    return found
