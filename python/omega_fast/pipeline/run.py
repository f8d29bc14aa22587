"""A recipe carried out: what is done is left, what was begun is resumed, what has changed is refused or made anew."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast.errors import ConfigError, InputError, RunConflictError
from omega_fast.pipeline.folder import PipelineFolder, State
from omega_fast.pipeline.page import write_page
from omega_fast.pipeline.recipe import Recipe, Stage
from omega_fast.pipeline.records import StageRecord, write_record
from omega_fast.pipeline.running import run_command, wait_for_former
from omega_fast.store.files import LocalFileSystem, naming, refuse_foreign
from omega_fast.store.lock import RunLock
from omega_fast.store.manifest import package_version

__all__ = ["PipelineSummary", "run_pipeline"]

DONE = 0
PARTIAL = 3
_FORBIDDEN = {"--json", "--debug"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSummary:
    """What came of a pipeline, so far as it got.

    Attributes:
        output: Its folder.
        page: The summary in it.
        done: The stages that are done, in order, those of earlier starts among them.
        ran: Of these, the ones that this start ran.
        stages: All there are.
        failed: The stage that did not come to its end; empty if none.
        code: What that one exited with.
        partial: Stages that set something aside.
        seconds: How long this start took.
    """

    output: Path
    page: Path
    done: tuple[str, ...]
    ran: tuple[str, ...]
    stages: tuple[str, ...]
    failed: str
    code: int
    partial: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "output": str(self.output),
            "page": str(self.page),
            "done": list(self.done),
            "ran": list(self.ran),
            "stages": list(self.stages),
            "failed": self.failed,
            "code": self.code,
            "partial": list(self.partial),
            "seconds": self.seconds,
        }


def run_pipeline(
    recipe: Recipe,
    output: Path,
    *,
    anew: bool = False,
    until: str | None = None,
    stop: Event | None = None,
    check: Callable[[list[str]], str] = lambda _: "",
    tell: Callable[[str], None] = lambda _: None,
) -> PipelineSummary:
    """Run the stages of a recipe in order, each until it is done; the same call resumes.

    A stage that is done is not run again while its command, its inputs and what it made are the same. One that was
    begun with the same command and inputs is run again in its folder: its command resumes.

    Args:
        recipe: The stages.
        output: The folder; each stage has one of its name in it.
        anew: Set aside the folders of stages that have changed, and run them from nothing; stages behind them have
            changed too if what they take comes out otherwise.
        until: The last stage to run.
        stop: Once set, the stage under way is asked to end, and none is begun.
        check: Told the words behind `omega` of a stage's command; says what is wrong with them.
        tell: Told what is being done, in words.

    Raises:
        ConfigError: A command is wrong, or there is no stage `until`.
        InputError: An input is not there, or a stage ended well without making what it declares.
        RunConflictError: A stage has changed since it was begun, and `anew` is not set; or the folder holds something
            else.
        RunLockedError: Another process is running the pipeline.
        StoreError: The folder cannot be written, or a record is damaged.
    """
    began = time.monotonic()
    names = [each.name for each in recipe.stages]
    if until is not None and until not in names:
        raise ConfigError(f"there is no stage {until!r} in {recipe.path}", hint=f"it has {', '.join(names)}")
    folder = PipelineFolder(output, recipe)
    refuse_foreign(output, "pipeline", marks={"stages"}, beside={"lock"})
    _check_commands(recipe, folder, check)
    with naming(output):
        (output / "stages").mkdir(parents=True, exist_ok=True)
    lock = RunLock(output / "lock", LocalFileSystem())
    try:
        stage_run = _Run(folder, stop or Event(), tell, anew=anew)
        wanted = recipe.stages if until is None else recipe.stages[: names.index(until) + 1]
        failed, code = "", DONE
        for stage in wanted:
            code = stage_run.carry_out(stage)
            if code not in (DONE, PARTIAL):
                failed = stage.name
                break
            write_page(recipe, folder)
        page = write_page(recipe, folder)
        records = {name: folder.record(stage) for name, stage in zip(names, recipe.stages, strict=True)}
    finally:
        lock.release()
    done = {name: each for name, each in records.items() if each is not None and each.state == "done"}
    if failed:
        done = {name: each for name, each in done.items() if names.index(name) < names.index(failed)}
    return PipelineSummary(
        output=output,
        page=page,
        done=tuple(done),
        ran=tuple(stage_run.ran),
        stages=tuple(names),
        failed=failed,
        code=code if failed else DONE,
        partial=tuple(name for name, each in done.items() if each.code == PARTIAL),
        seconds=time.monotonic() - began,
    )


class _Run:
    """One start of a pipeline."""

    def __init__(
        self, folder: PipelineFolder, stop: Event, tell: Callable[[str], None], *, anew: bool
    ) -> None:
        self.ran: list[str] = []
        self._folder = folder
        self._stop = stop
        self._tell = tell
        self._anew = anew

    def carry_out(self, stage: Stage) -> int:
        """Bring one stage to its end, if it is not there; the exit code of its command."""
        folder = self._folder
        standing = folder.standing(stage)
        record = standing.record
        if standing.state is State.DONE:
            self._tell(f"{stage.name}: done already")
            return DONE if record is None else record.code
        if self._stop.is_set():
            return 130
        wait_for_former(record.process if record else None)
        if standing.state is State.CHANGED:
            why = "; ".join(standing.reasons)
            if not self._anew:
                raise RunConflictError(
                    f"stage {stage.name} in {folder.path} has changed: {why}",
                    hint="--anew puts its folder aside and makes it anew, and what rests on it if that comes out "
                    "otherwise; or give another folder with -o",
                )
            kept = folder.set_aside(stage)
            self._tell(f"{stage.name}: {why}" + ("" if kept is None else f"; what it had made is in {kept}"))
            record = None
        with naming(folder.folder(stage)):
            folder.folder(stage).mkdir(parents=True, exist_ok=True)
        begun = StageRecord(
            key=standing.key,
            command=stage.command,
            inputs=standing.inputs,
            state="begun",
            starts=(record.starts if record else 0) + 1,
            version=package_version(),
        )
        return self._run(stage, begun)

    def _run(self, stage: Stage, begun: StageRecord) -> int:
        folder, path = self._folder, self._folder.record_path(stage)
        self._tell(f"{stage.name}: {'begins' if begun.starts == 1 else 'goes on'}")

        def started(pid: int, since: float) -> None:
            write_record(path, replace(begun, process=(pid, since)))

        write_record(path, begun)
        words = [*folder.words(stage), "--json"]
        ended = run_command(words, folder.printed_path(stage), stop=self._stop, on_started=started)
        if ended.code not in (DONE, PARTIAL):
            return ended.code or 1
        try:
            outputs = folder.outputs(stage)
        except InputError as error:
            raise InputError(
                f"stage {stage.name} ended well, but {error.message}",
                hint="check the outputs that the recipe declares for it",
            ) from error
        done = replace(
            begun,
            state="done",
            outputs=outputs,
            result=_printed(folder.printed_path(stage)),
            code=ended.code,
            seconds=ended.seconds,
            cpu_seconds=ended.cpu_seconds,
        )
        write_record(path, done)
        self.ran.append(stage.name)
        self._tell(
            f"{stage.name}: done in {ended.seconds:,.0f} s, {ended.cpu_seconds:,.0f} s of the processor"
        )
        return ended.code


def _check_commands(recipe: Recipe, folder: PipelineFolder, check: Callable[[list[str]], str]) -> None:
    """What is wrong with the last command, or missing for it, is told before the first is run."""
    for stage in recipe.stages:
        if absent := next((each for each in stage.inputs if not Path(each).exists()), None):
            raise InputError(f"{absent}, an input of stage {stage.name}, is not there", hint="check the path")
        words = stage.omega_words(folder.words(stage))
        own = next((word for word in words if word in _FORBIDDEN), None)
        fault = check(words) if own is None else f"{own} is the pipeline's own"
        if fault:
            raise ConfigError(
                f"{recipe.path}: the command of stage {stage.name} is wrong: {fault}",
                hint=f"omega {words[0] if words else ''} --help lists what it takes",
            )


def _printed(path: Path) -> Mapping[str, Any]:
    """The last line that is a JSON object: launchers may print lines of their own."""
    with naming(path, "read"):
        lines = path.read_text("utf-8", errors="replace").splitlines()
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}
