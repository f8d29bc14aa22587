"""What another judge says of the steps of solutions, and whether it agrees on where the first error is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, Self

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange.convert import source_format
from omega_fast.store.artifacts_file import read_artifacts
from omega_fast.store.formats import STEPS, LabelledSolution
from omega_fast.store.formats.files import OnFault
from omega_fast.store.formats.labelled import solutions_of

__all__ = ["Consensus", "Judge", "Opinion"]

Opinion = Literal[
    "agrees",
    "judge_finds_an_earlier_error",
    "judge_finds_no_error_there",
    "judge_contradicts_itself",
    "not_judged",
]
"""What a judge says of a first error that somebody else located."""

_RIGHT, _WRONG = 1, 2


@dataclass(slots=True)
class Consensus:
    """How often a judge agreed.

    Attributes:
        kept: Solutions on whose first error, or whose having none, both agree.
        rejected: The others, by what the judge says of them or by why there was nothing to ask it.
    """

    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def agreement(self) -> float | None:
        """The share of kept solutions among those that the judge has judged without contradicting itself."""
        disputed = self.rejected["judge_finds_an_earlier_error"] + self.rejected["judge_finds_no_error_there"]
        return self.kept / (self.kept + disputed) if self.kept + disputed else None

    def note(self, opinion: str) -> bool:
        """Count an opinion; whether the solution is kept."""
        if opinion == "agrees":
            self.kept += 1
            return True
        self.rejected[opinion] += 1
        return False

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"kept": self.kept, "agreement": self.agreement, "rejected": dict(self.rejected)}


class Judge:
    """The judgements of a file or run, by the beginnings of solutions: right so far, or wrong in the last step.

    Solutions are known by their question and their steps, blanks around each left out. A hash of each judged step is
    kept in memory. A step without a hard label, and all after a first error, are not judged.

    Args:
        solutions: What was judged.
    """

    def __init__(self, solutions: Iterable[LabelledSolution]) -> None:
        self._said: dict[bytes, int] = {}
        for each in solutions:
            for key, is_right in zip(_keys(each.question, each.steps), each.hard, strict=True):
                if is_right is None:
                    break
                self._said[key] = self._said.get(key, 0) | (_RIGHT if is_right else _WRONG)
                if not is_right:
                    break

    @classmethod
    def read(cls, source: Path, on_fault: OnFault | None = None) -> Self:
        """The judgements in a run directory or in a file of labelled solutions.

        Raises:
            ConfigError: If the file's format does not say where a question ends.
            InputError: If the source cannot be read, or holds no labelled solutions.
            StoreError: If a run has no artifacts.
        """
        if (source / "manifest.json").is_file():
            return cls(each for artifacts in read_artifacts(source) for each in solutions_of(artifacts))
        origin = source_format(source, "auto")
        if origin is STEPS or origin.to_solutions is None:
            raise ConfigError(
                f"{source} is in format {origin.name}, which does not tell whole solutions",
                hint="give the judgements as processbench, trl or samples",
            )
        judge = cls(solution for _, solution in origin.read_solutions(source, on_fault))
        if not judge._said:
            raise InputError(
                f"{source} has no hard labels",
                hint="omega convert --threshold makes hard labels of soft ones",
            )
        return judge

    def opinion(self, question: str, steps: Sequence[str], first_error: int | None) -> Opinion:
        """What the judge says to a first error at this position, from 0, or to there being none."""
        end = len(steps) if first_error is None else first_error + 1
        for number, key in enumerate(_keys(question, steps[:end])):
            said = self._said.get(key, 0)
            if not said:
                return "not_judged"
            if said == _RIGHT | _WRONG:
                return "judge_contradicts_itself"
            if number == first_error:
                return "agrees" if said == _WRONG else "judge_finds_no_error_there"
            if said == _WRONG:
                return "judge_finds_an_earlier_error"
        return "agrees"

    def keeps(self, solution: LabelledSolution, consensus: Consensus) -> bool:
        """Whether the judge agrees with a solution's own hard labels on its first error; it is counted."""
        first = solution.first_error
        if None in (solution.hard if first is None else solution.hard[:first]):
            return consensus.note("labels_have_gaps")
        return consensus.note(self.opinion(solution.question, solution.steps, first))


def _keys(question: str, steps: Sequence[str]) -> Iterator[bytes]:
    """A hash of the question and the first 1, 2, ... steps."""
    digest = blake2b(digest_size=16)
    digest.update(_framed(question))
    for step in steps:
        digest.update(_framed(step))
        yield digest.digest()


def _framed(text: str) -> bytes:
    data = text.strip().encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "big") + data
