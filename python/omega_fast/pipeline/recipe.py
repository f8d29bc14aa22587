"""A pipeline's recipe: its variables and stages, read from a file and checked before anything is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omega_fast.config.sources import read_mapping
from omega_fast.errors import ConfigError

__all__ = ["HERE", "RECIPE", "Recipe", "Reference", "Stage", "read_recipe"]

HERE = "here"
"""Stands for a stage's own folder."""

RECIPE = "recipe"
"""Stands for the folder of the recipe's file."""

_RESERVED = {HERE, RECIPE, "stages", "before"}
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_PLACEHOLDER = re.compile(r"\$(?:\$|\{([^}]*)\}((?:/[\w.+-]+)*))")
_LAUNCHERS = {"accelerate", "torchrun"}
_MODULE = ["-m", "omega_fast"]

_Scalar = str | int | float | bool
_Path = Annotated[str, Field(min_length=1)]


class _StageFile(BaseModel):
    """A stage as a recipe writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    run: str
    about: str = ""
    inputs: tuple[_Path, ...] = ()
    outputs: tuple[_Path, ...] = Field(min_length=1)
    show: dict[str, str] = {}
    tables: tuple[_Path, ...] = ()
    plots: tuple[_Path, ...] = ()


class _RecipeFile(BaseModel):
    """A recipe as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    about: str = ""
    variables: dict[str, _Scalar] = {}
    stages: tuple[_StageFile, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a command takes from an earlier stage: the stage, and a path in its folder; `.` for all of it."""

    stage: str
    path: PurePosixPath


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of a pipeline.

    Attributes:
        name: Unique in the recipe; also the name of its folder.
        about: What it makes, in words.
        command: Its words, with the recipe's variables put in; folders are still `${name}`.
        inputs: Files and folders from outside on which it rests, as the recipe writes them.
        outputs: What it makes, as paths in its folder; its record and the stages behind it rest on these.
        show: What the summary tells: a name, and where it stands in the object that the command prints.
        tables: Markdown files of its folder that the summary takes in.
        plots: Pictures of its folder that the summary shows.
    """

    name: str
    about: str
    command: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[PurePosixPath, ...]
    show: Mapping[str, str]
    tables: tuple[str, ...]
    plots: tuple[str, ...]

    def references(self) -> list[Reference]:
        """What it takes from earlier stages, each once."""
        found = {
            Reference(match[1], PurePosixPath(match[2].lstrip("/") or "."))
            for word in self.command
            for match in _PLACEHOLDER.finditer(word)
            if match[1] is not None and match[1] not in (HERE, RECIPE)
        }
        return sorted(found, key=lambda each: (each.stage, str(each.path)))

    def needs(self, other: Stage) -> Iterator[PurePosixPath]:
        """The outputs of another stage that it takes."""
        for output in other.outputs:
            if any(each.stage == other.name and _related(each.path, output) for each in self.references()):
                yield output

    def words(self, folders: Mapping[str, Path]) -> list[str]:
        """The command with folders put in: those of stages by their names, its own as `HERE`."""
        return [_filled(word, {name: str(path) for name, path in folders.items()}) for word in self.command]

    def omega_words(self, words: Sequence[str]) -> list[str]:
        """Of its words those after `omega`, or after `-m omega_fast` behind a launcher."""
        if words[0] == "omega":
            return [*words[1:]]
        at = next(i for i in range(len(words)) if [*words[i : i + 2]] == _MODULE)
        return [*words[at + 2 :]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Stages in the order in which they are run.

    Attributes:
        path: Its file.
        title: What it is, in a line.
        about: The same in more words.
        variables: What was put into the commands.
        stages: Each rests on earlier ones alone.
    """

    path: Path
    title: str
    about: str
    variables: Mapping[str, str]
    stages: tuple[Stage, ...]


def read_recipe(path: Path, settings: Mapping[str, str] | None = None) -> Recipe:
    """The recipe in a YAML, TOML or JSON file.

    Args:
        path: The file.
        settings: Values of its variables, instead of those that it has.

    Raises:
        ConfigError: It cannot be read, a name is taken twice or unknown, a stage takes what no earlier one declares as
            an output, or runs something other than an `omega` command.
    """
    content = read_mapping(path, "pipeline recipe")
    try:
        file = _RecipeFile.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(map(str, _named(fault["loc"], content)))
        raise ConfigError(
            f"pipeline recipe {path}: {place or 'its content'}: {str(fault['msg'])[0].lower()}{str(fault['msg'])[1:]}",
            hint="a recipe has title, about, variables and stages; a stage has name, run, outputs, and may have about, "
            "inputs, show, tables and plots",
        ) from error
    variables = {name: _text(value) for name, value in file.variables.items()}
    for name in settings or {}:
        if name not in variables:
            raise ConfigError(
                f"{name} is no variable of {path}", hint=f"it has {', '.join(variables) or 'none'}"
            )
    variables |= settings or {}
    stages: list[Stage] = []
    for each in file.stages:
        stage = _stage(path, each, variables)
        _check(path, stage, stages, variables)
        stages.append(stage)
    return Recipe(path, file.title, file.about, variables, tuple(stages))


def _named(place: Sequence[int | str], content: Mapping[str, Any]) -> Iterator[int | str]:
    """The place of a fault, stages by their names."""
    for at, part in enumerate(place):
        if at == 1 and place[0] == "stages" and isinstance(part, int):
            stage = content["stages"][part]
            yield stage.get("name", part) if isinstance(stage, dict) else part
        else:
            yield part


def _stage(path: Path, file: _StageFile, variables: Mapping[str, str]) -> Stage:
    try:
        written = shlex.split(file.run, comments=True)
    except ValueError as error:
        raise ConfigError(
            f"{path}: the command of {file.name} cannot be read: {error}", hint="close its quotation marks"
        ) from error
    escaped = {name: value.replace("$", "$$") for name, value in variables.items()}
    return Stage(
        file.name,
        " ".join(file.about.split()),
        tuple(_filled(word, escaped, leave=True) for word in written),
        tuple(_filled(each, {**variables, RECIPE: str(path.parent)}) for each in file.inputs),
        tuple(map(PurePosixPath, file.outputs)),
        file.show,
        file.tables,
        file.plots,
    )


def _check(path: Path, stage: Stage, earlier: Sequence[Stage], variables: Mapping[str, str]) -> None:
    said = f"{path}: stage {stage.name!r}"
    taken = {each.name for each in earlier} | variables.keys() | _RESERVED
    if not _NAME.fullmatch(stage.name):
        raise ConfigError(f"{said} is no name", hint="write small letters, digits, - and _")
    if stage.name in taken:
        raise ConfigError(f"{said}: the name is taken already", hint="give it another one")
    _check_program(said, stage)
    inside = (*map(str, stage.outputs), *stage.tables, *stage.plots)
    for each in map(PurePosixPath, inside):
        if each.is_absolute() or ".." in each.parts:
            raise ConfigError(
                f"{said}: {each} leads out of its folder",
                hint="name what it makes by paths in its own folder",
            )
    by_name = {each.name: each for each in earlier}
    for reference in stage.references():
        source = by_name.get(reference.stage)
        if source is None:
            known = ", ".join([*by_name, *variables, HERE, RECIPE])
            raise ConfigError(
                f"{said} takes ${{{reference.stage}}}, which is no earlier stage and no variable",
                hint=f"there are {known}; write $$ for a dollar sign",
            )
        if not any(_related(reference.path, output) for output in source.outputs):
            raise ConfigError(
                f"{said} takes {reference.path} of {source.name}, which is not among its outputs",
                hint=f"{source.name} declares {', '.join(map(str, source.outputs))}",
            )


def _check_program(said: str, stage: Stage) -> None:
    words = list(stage.command)
    program = words[0] if words else ""
    behind = any(words[at : at + 2] == _MODULE for at in range(len(words)))
    if program != "omega" and not (program in _LAUNCHERS and behind):
        raise ConfigError(
            f"{said} runs {program or 'nothing'!r}, which is no omega command",
            hint="begin it with omega, or with accelerate or torchrun and '-m omega_fast'",
        )


def _related(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether they are equal or one lies in the other."""
    return one.is_relative_to(other) or other.is_relative_to(one)


def _filled(word: str, values: Mapping[str, str], *, leave: bool = False) -> str:
    """A word with `${name}` replaced; with `leave`, unknown names and `$$` stay for later."""

    def value(match: re.Match[str]) -> str:
        name, rest = match[1], match[2] or ""
        if name is None:
            return match[0] if leave else "$"
        if name in values:
            return values[name] + rest
        return match[0]

    return _PLACEHOLDER.sub(value, word)


def _text(value: _Scalar) -> str:
    """A variable as a word of a command: `true`, `3`, `0.5`, or the text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
