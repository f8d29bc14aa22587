"""The folder of a pipeline: what each stage left in it, and whether that still is what the recipe asks for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path

from omega_fast.errors import InputError
from omega_fast.pipeline.recipe import HERE, RECIPE, Recipe, Stage
from omega_fast.pipeline.records import Digest, StageRecord, digest_of, key_of, read_record
from omega_fast.store.files import naming

__all__ = ["PipelineFolder", "Standing", "State"]


class State(StrEnum):
    """How far a stage is.

    `changed` is one whose command or inputs are no longer those it was begun with, or whose outputs were changed or
    taken away since.
    """

    DONE = "done"
    TO_DO = "to do"
    BEGUN = "begun"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a stage is.

    Attributes:
        state: In a word.
        record: What is kept of it, if anything is.
        key: Hash of the command and inputs that the recipe asks for now.
        inputs: The hash of each of these inputs.
        reasons: What has changed, in words; empty unless that is the state.
    """

    state: State
    record: StageRecord | None
    key: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


class PipelineFolder:
    """Where the stages of a recipe write, each into a folder of its name; their records are in `stages`."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.path = path
        self._recipe = recipe

    def folder(self, stage: Stage) -> Path:
        """Where a stage writes."""
        return self.path / stage.name

    def record_path(self, stage: Stage) -> Path:
        """Where its record is."""
        return self.path / "stages" / f"{stage.name}.json"

    def printed_path(self, stage: Stage) -> Path:
        """Where what it prints is."""
        return self.path / "stages" / f"{stage.name}.out"

    def record(self, stage: Stage) -> StageRecord | None:
        """Its record, if there is one. Raises `StoreDamagedError`."""
        return read_record(self.record_path(stage))

    def words(self, stage: Stage) -> list[str]:
        """Its command with all folders put in."""
        folders = {each.name: self.folder(each) for each in self._recipe.stages}
        return stage.words({**folders, HERE: self.folder(stage), RECIPE: self._recipe.path.parent})

    def standing(self, stage: Stage) -> Standing:
        """How far a stage is; those before it are done.

        Raises:
            InputError: An input from outside is not there, or the folder holds what no record speaks of.
            StoreError: Something cannot be read.
        """
        inputs = self._inputs(stage)
        key = key_of(stage.command, inputs)
        record = self.record(stage)
        empty = not (self.folder(stage).exists() and any(self.folder(stage).iterdir()))
        if record is None:
            if not empty:
                raise InputError(
                    f"{self.folder(stage)} is not empty, and no record says that stage {stage.name} was begun there",
                    hint="name another folder, or move it away",
                )
            return Standing(State.TO_DO, None, key, inputs)
        reasons = [*_differences(record, stage.command, inputs)]
        if record.state == "done":
            reasons += self._spoilt(stage, record)
        elif empty:
            reasons = []  # it came to nothing, and may be begun otherwise
        if reasons:
            return Standing(State.CHANGED, record, key, inputs, tuple(reasons))
        return Standing(State.DONE if record.state == "done" else State.BEGUN, record, key, inputs)

    def outputs(self, stage: Stage) -> dict[str, Digest]:
        """What a stage made. Raises `InputError` if one of its outputs is not there."""
        return {str(each): digest_of(self.folder(stage) / each) for each in stage.outputs}

    def set_aside(self, stage: Stage) -> Path | None:
        """Move a stage's folder out of the way, and forget its record; where it is now, if there was one."""
        folder, kept = self.folder(stage), None
        with naming(folder):
            if folder.exists():
                before = self.path / "before"
                before.mkdir(exist_ok=True)
                kept = next(place for n in count(1) if not (place := before / f"{stage.name}-{n}").exists())
                shutil.move(folder, kept)
            self.record_path(stage).unlink(missing_ok=True)
        return kept

    def _inputs(self, stage: Stage) -> dict[str, str]:
        found = {each: digest_of(Path(each)).sha256 for each in stage.inputs}
        for other in self._recipe.stages:
            if needed := [*stage.needs(other)]:
                record = self.record(other)
                assert record is not None, f"{other.name} is done before {stage.name}"
                found |= {f"{other.name}/{each}": record.outputs[str(each)].sha256 for each in needed}
        return found

    def _spoilt(self, stage: Stage, record: StageRecord) -> list[str]:
        reasons = []
        for name in map(str, stage.outputs):
            known = record.outputs.get(name)
            try:
                now = digest_of(self.folder(stage) / name, known)
            except InputError:
                reasons.append(f"its output {name} is gone")
                continue
            if known is None:
                reasons.append(f"{name} was not among its outputs")
            elif now.sha256 != known.sha256:
                reasons.append(f"its output {name} has changed since")
        return reasons


def _differences(record: StageRecord, command: Sequence[str], inputs: Mapping[str, str]) -> list[str]:
    """What makes a stage another one than its record speaks of."""
    reasons = []
    gone = [each for each in record.command if each not in command]
    new = [each for each in command if each not in record.command]
    if gone or new or tuple(command) != record.command:
        was, now = " ".join(gone) or "(nothing)", " ".join(new) or "(nothing)"
        reasons.append(
            f"its command has {now} where it had {was}" if gone or new else "its words are in another order"
        )
    for name in sorted({*inputs, *record.inputs}):
        if name not in record.inputs:
            reasons.append(f"{name} is a new input")
        elif name not in inputs:
            reasons.append(f"{name} is no input any more")
        elif inputs[name] != record.inputs[name]:
            reasons.append(f"its input {name} has changed")
    return reasons
