"""The exit codes of every command; they are a contract."""

from __future__ import annotations

from enum import IntEnum

from omega_fast.errors import (
    BackendError,
    ConfigError,
    InputError,
    OmegaError,
    RunConflictError,
    RunLockedError,
    StoreDamagedError,
    StoreError,
)
from omega_fast.summary import RunSummary

__all__ = ["MEANINGS", "ExitCode", "exit_code_of", "outcome_of"]


class ExitCode(IntEnum):
    """What a command ended with; `MEANINGS` says it in words."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    PARTIAL = 3
    LOCKED = 4
    CONFLICT = 5
    DAMAGED = 6
    BACKEND = 7
    STORE = 8
    BUDGET = 9
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.UNEXPECTED: "an unexpected error, or a check of doctor failed",
    ExitCode.USAGE: "the command line, a setting or the input is wrong",
    ExitCode.PARTIAL: "records were quarantined, or questions could not be judged or are not finished",
    ExitCode.LOCKED: "another process is writing the run",
    ExitCode.CONFLICT: "the run was started with other settings",
    ExitCode.DAMAGED: "the run's log is damaged",
    ExitCode.BACKEND: "the engine could not be started or stopped working",
    ExitCode.STORE: "there is no such run, or it cannot be read or written",
    ExitCode.BUDGET: "a budget of the whole run is spent; the same command with a larger one resumes the run",
    ExitCode.INTERRUPTED: "interrupted; the same command resumes the run",
}

_BY_ERROR: tuple[tuple[type[OmegaError], ExitCode], ...] = (
    (ConfigError, ExitCode.USAGE),
    (InputError, ExitCode.USAGE),
    (RunLockedError, ExitCode.LOCKED),
    (RunConflictError, ExitCode.CONFLICT),
    (StoreDamagedError, ExitCode.DAMAGED),
    (BackendError, ExitCode.BACKEND),
    (StoreError, ExitCode.STORE),
)
_UNJUDGED = "root_unjudged"


def exit_code_of(error: OmegaError) -> ExitCode:
    """The code a command ends with after `error`."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.UNEXPECTED)


def outcome_of(summary: RunSummary) -> ExitCode:
    """The code a job ends with: partial or done."""
    if not summary.complete or summary.quarantined or summary.finishes.get(_UNJUDGED):
        return ExitCode.PARTIAL
    return ExitCode.DONE
