"""A pipeline run whole, and again with SIGKILL in the midst of every stage: what resumes, and whether it ends the same.

.venv/bin/python benches/python/pipeline_kills.py recipes/gflownet.yaml FOLDER [NAME=VALUE ...]
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

__all__ = ["Killed", "kill_in_each_stage", "run_whole"]

_SHARES = (0.6, 0.3, 0.15)
"""Of a stage's time in the whole run: when it is killed. Had it ended by then, it is begun again and killed sooner."""


@dataclass(frozen=True, slots=True)
class Killed:
    """One stage that was killed and resumed.

    Attributes:
        stage: Its name.
        after: Seconds that it had worked; 0 if it could not be caught.
        starts: How often it was begun, in all.
        same: Whether what it made is, byte for byte, what it made in the whole run.
        earlier_again: Stages before it that were run again, though they were done.
    """

    stage: str
    after: float
    starts: int
    same: bool
    earlier_again: tuple[str, ...]


def run_whole(recipe: Path, folder: Path, settings: Sequence[str] = ()) -> Mapping[str, Any]:
    """Run a pipeline to its end; the records of its stages. Raises `CalledProcessError` if it fails."""
    subprocess.run(_command(recipe, folder, settings), check=True, stdout=sys.stderr)
    return _records(folder)


def kill_in_each_stage(
    recipe: Path, folder: Path, whole: Mapping[str, Any], settings: Sequence[str] = ()
) -> list[Killed]:
    """Kill a pipeline, its stage's command and all they started, once in each stage; resume it each time."""
    found = []
    command = _command(recipe, folder, settings)
    for name, record in whole.items():
        after = 0.0
        for share in _SHARES:
            if not after:
                (folder / "stages" / f"{name}.json").unlink(missing_ok=True)
                shutil.rmtree(folder / name, ignore_errors=True)
                after = _killed_in(command, folder, name, share * record["seconds"])
        before = _records(folder)
        subprocess.run([*command, "--until", name], check=True, stdout=sys.stderr)
        now = _records(folder)
        done = [each for each, kept in before.items() if kept["state"] == "done"]
        again = tuple(each for each in done if now[each]["starts"] != before[each]["starts"])
        outputs = {each: digest["sha256"] for each, digest in now[name]["outputs"].items()}
        told = {each: digest["sha256"] for each, digest in record["outputs"].items()}
        found.append(Killed(name, after, now[name]["starts"], outputs == told, again))
    return found


def _command(recipe: Path, folder: Path, settings: Sequence[str]) -> list[str]:
    words = [word for each in settings for word in ("--set", each)]
    return [sys.executable, "-m", "omega_fast", "pipeline", str(recipe), "-o", str(folder), *words]


def _killed_in(command: Sequence[str], folder: Path, name: str, seconds: float) -> float:
    """Kill once the stage has worked so long; how long it had, 0 if it was done before."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    began = None
    while running.poll() is None:
        record = _records(folder).get(name)
        if began is None and record is not None and record["process"] is not None:
            began = time.monotonic()
        ended = record is not None and record["state"] == "done"
        if ended or (began is not None and time.monotonic() - began >= seconds):
            _kill_all(running)
            caught = began is not None and _records(folder)[name]["state"] == "begun"
            return time.monotonic() - began if began is not None and caught else 0.0
        time.sleep(0.1)
    return 0.0


def _kill_all(running: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the pipeline and everything below it, the pipeline first."""
    below = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    for each in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    running.wait()
    psutil.wait_procs(below, timeout=60)


def _records(folder: Path) -> dict[str, Any]:
    """The records by stage, in the order in which they were last written."""
    found = {}
    paths = sorted((folder / "stages").glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in paths:
        with contextlib.suppress(ValueError, FileNotFoundError):
            found[path.stem] = json.loads(path.read_bytes())
    return found


def main() -> None:
    """Print what came of both runs, a line a stage."""
    recipe, folder, *settings = sys.argv[1:]
    began = time.monotonic()
    whole = run_whole(Path(recipe), Path(folder) / "whole", settings)
    wall, cpu = time.monotonic() - began, sum(each["cpu_seconds"] for each in whole.values())
    print(f"whole: {wall:.0f} s, {cpu:.0f} s of the processor", flush=True)
    for each in kill_in_each_stage(Path(recipe), Path(folder) / "killed", whole, settings):
        print(
            f"{each.stage}: killed after {each.after:.1f} of {whole[each.stage]['seconds']:.1f} s, "
            f"{each.starts} starts, {'the same' if each.same else 'other'} outputs, "
            f"run again before it: {', '.join(each.earlier_again) or 'none'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
