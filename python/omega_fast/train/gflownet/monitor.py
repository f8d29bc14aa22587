"""What a training says while it runs: its figures, its faults, and whether its solutions are becoming the same."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omega_fast.store.files import LocalFileSystem, write_atomically
from omega_fast.train.curve import render_curve
from omega_fast.train.gflownet.buffers import Group
from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.gflownet.reward import FAULTS

__all__ = ["PLOTS", "Monitor", "figures_of", "write_plots"]

PLOTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "reward": ("what solutions are worth", {"r": "r", "right": "right answers"}),
    "loss": ("loss", {"loss": "loss"}),
    "log_z": ("log Z", {"log_z": "mean of log R - log P", "log_z_learnt": "learnt"}),
    "entropy": ("entropy of solutions, in nats", {"entropy": "entropy"}),
    "diversity": (
        "different solutions of a question, of those drawn",
        {"distinct": "all", "distinct_right": "right ones"},
    ),
}
"""The plots by file name without `.svg`: title, and what is drawn by its name in the log."""

_KINDS: Mapping[str, str] = {
    **FAULTS,
    "no_right": "questions of an update with no right solution among those drawn",
    "flat": "questions of an update whose different solutions are all worth the same",
    "unusable_updates": "updates of which nothing could be learnt",
    "collapsed": "updates with few different solutions",
    "stale": "groups of solutions that were too old when their turn came",
    "skipped": "updates left out since their gradient was not finite",
}
_NOT_SAID = {"truncated", "unanswered", "limited", "floored", "no_right", "flat", "stale"}
"""What is counted and no reason for a warning by itself."""

_LOGGER = logging.getLogger(__name__)


class Monitor:
    """Counts faults, and says each kind once when it comes first.

    Args:
        config: The settings.
        counts: The rewards' own counts, which are read at every update.
        speaks: Whether warnings are given here: in the first of several processes.
    """

    def __init__(self, config: GflownetConfig, counts: Mapping[str, int], *, speaks: bool) -> None:
        self.warnings: list[str] = []
        self._config = config
        self._of_rewards = counts
        self._before: Counter[str] = Counter()
        self._own: Counter[str] = Counter()
        self._speaks = speaks
        self._narrow = 0
        self._useless = 0
        self._said: set[str] = set()

    def faults(self) -> dict[str, int]:
        """How often what came, from the beginning of the training; what never did is left out."""
        total = self._before + Counter(self._of_rewards) + self._own
        return {name: total[name] for name in _KINDS if total[name]}

    def note(self, name: str, update: int, number: int = 1) -> None:
        """Count something."""
        self._own[name] += number
        if number:
            self._tell(name, update)

    def look(self, groups: Sequence[Group], update: int) -> tuple[bool, bool]:
        """Look at the groups of an update: whether diversity has collapsed for good, whether nothing is usable anew.

        The second is true from the third update in a row on.
        """
        for name in FAULTS:
            if self._of_rewards[name]:
                self._tell(name, update)
        for group in groups:
            usable = [each for each in group if each.r is not None]
            right = [each.right if each.right is not None else (each.r or 0.0) > 0.5 for each in usable]
            texts = {each.drawn.text for each in usable}
            self.note("no_right", update, int(bool(usable) and not any(right)))
            self.note("flat", update, int(len(texts) > 1 and len({each.r for each in usable}) == 1))
        anything = any(each.r is not None for group in groups for each in group)
        self._useless = 0 if anything else self._useless + 1
        self.note("unusable_updates", update, int(not anything))
        shares = [len({each.drawn.text for each in group}) / len(group) for group in groups if len(group) > 1]
        narrow = bool(shares) and sum(shares) / len(shares) <= self._config.collapse
        self._narrow = self._narrow + 1 if narrow else 0
        collapsed = self._narrow >= self._config.collapse_patience
        if collapsed:
            self.note("collapsed", update)
        return collapsed, self._useless >= 3

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "faults": self.faults(),
            "narrow": self._narrow,
            "useless": self._useless,
            "said": sorted(self._said),
            "warnings": self.warnings,
        }

    def restore(self, values: Mapping[str, Any]) -> None:
        """Become what `to_dict` was made of."""
        self._before = Counter(values["faults"])
        self._own = Counter()
        self._narrow, self._useless = values["narrow"], values["useless"]
        self._said, self.warnings = set(values["said"]), list(values["warnings"])

    def _tell(self, name: str, update: int) -> None:
        if name in self._said or name in _NOT_SAID:
            return
        self._said.add(name)
        warning = f"from update {update} on: {_KINDS[name]}"
        self.warnings.append(warning)
        if self._speaks:
            _LOGGER.warning("%s", warning)


def figures_of(
    groups: Sequence[Group], log_probs: Mapping[tuple[int, int], tuple[float, float]]
) -> dict[str, float]:
    """The figures of what an update drew.

    Args:
        groups: What was drawn.
        log_probs: log P and log R of the usable solutions, by group and place in it.
    """
    drawn = [each for group in groups for each in group]
    worth = [each.r for each in drawn if each.r is not None]
    right = [each.right for each in drawn if each.right is not None]
    found: dict[str, float] = {"r": _mean(worth)}
    if right:
        found["right"] = _mean([float(each) for each in right])
        found["distinct_right"] = _mean(
            [len({each.drawn.text for each in group if each.right}) / len(group) for group in groups]
        )
    found["distinct"] = _mean([len({each.drawn.text for each in group}) / len(group) for group in groups])
    found["log_z"] = _mean([reward - prob for prob, reward in log_probs.values()])
    found["entropy"] = -_mean([prob for prob, _ in log_probs.values()])
    found["tokens"] = _mean([float(len(each.drawn.ids)) for each in drawn])
    return found


def write_plots(folder: Path, history: Sequence[Mapping[str, Any]], title: str) -> None:
    """Write every plot of the log so far, as `NAME.svg`."""
    for name, (about, curves) in PLOTS.items():
        picture = render_curve(history, f"{title}: {about}", curves)
        write_atomically(LocalFileSystem(), folder / f"{name}.svg", picture.encode())


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
