"""Processes that begin at once: forked from a server that has imported what takes seconds (see `tests.preloaded`)."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

__all__ = ["forked", "in_two_processes", "killed_at", "omega", "omega_in_two_processes"]

_ROOT = Path(__file__).parents[1]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


def forked(function: Callable[..., Any], *arguments: Any, **environment: str) -> BaseProcess:
    """A process, not yet started, that calls `function` in the environment of this one and the variables given."""
    with contextlib.chdir(_ROOT):  # where the server finds the tests
        forkserver.ensure_running()
    here = {**os.environ, **environment}
    return _CONTEXT.Process(target=_with_environment, args=(here, function, *arguments))


def in_two_processes(function: Callable[..., Any], *arguments: Any) -> None:
    """Call `function` in two processes of one job, with the variables and the store that torchrun gives them."""
    assert _in_a_job(_of_two, function, *arguments) == 0, "a process failed; its traceback is above"


def killed_at(step: int, train: Callable[..., Any], *arguments: Any) -> None:
    """Kill a training once it has logged update `step`; `train` takes what is told each entry as its last argument."""
    told, telling = _CONTEXT.Pipe(duplex=False)
    child = forked(_tell_steps, telling, train, *arguments)
    child.start()
    telling.close()
    while told.recv() < step:
        pass
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def omega(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the command `omega` says and how it ends, in a process of its own."""
    return _spoken(lambda *run: _end([forked(_command, *run, **environment)]), arguments)


def omega_in_two_processes(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What two processes of one job say together."""
    return _spoken(lambda *run: _in_a_job(_command, *run), arguments)


def _in_a_job(function: Callable[..., Any], *arguments: Any) -> int:
    from torch.distributed import TCPStore

    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    job = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    ranks = ({"RANK": rank, "LOCAL_RANK": rank} for rank in "01")
    return _end([forked(function, *arguments, **job, **rank) for rank in ranks])


def _of_two(function: Callable[..., Any], *arguments: Any) -> None:
    from torch import distributed

    function(*arguments)
    # Two processes that never found each other would each do what one does, and pass for it
    assert distributed.is_initialized()
    assert distributed.get_world_size() == 2


def _end(processes: list[BaseProcess]) -> int:
    """The code of the first that fails, which takes the others with it; 0 if none does."""
    try:
        for process in processes:
            process.start()
        while running := [each.sentinel for each in processes if each.exitcode is None]:
            wait(running)
            if failed := [each.exitcode for each in processes if each.exitcode]:
                return failed[0]
        return 0
    finally:
        for process in processes:
            process.kill()
            process.join()


def _spoken(run: Callable[[Path, tuple[str, ...]], int], arguments: tuple[str, ...]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        streams = Path(folder) / "stdout", Path(folder) / "stderr"
        for each in streams:
            each.touch()
        code = run(Path(folder), arguments)
        return subprocess.CompletedProcess(arguments, code, *(each.read_text() for each in streams))


def _with_environment(environment: Mapping[str, str], function: Callable[..., Any], *arguments: Any) -> None:
    os.environ.clear()  # the server's is that of the test that started it
    os.environ.update(environment)
    function(*arguments)


def _tell_steps(telling: Connection, train: Callable[..., Any], *arguments: Any) -> None:
    train(*arguments, lambda entry: telling.send(entry["step"]))


def _command(folder: Path, arguments: tuple[str, ...]) -> None:
    for number, name in enumerate(("stdout", "stderr"), start=1):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_APPEND), number)
    sys.argv = ["omega", *arguments]
    from omega_fast.cli import main

    main()
