import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omega_fast.cli.exits import MEANINGS, ExitCode
from omega_fast.cli.progress import _line
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
from omega_fast.summary import ExportSummary
from tests.cli.conftest import PROGRESS, FakeJobs

ANNOTATE = ("annotate", "--question-file", "q.json", "--model-name", "m")
COMMANDS = [
    ANNOTATE,
    ("status", "runs/a"),
    ("replay", "runs/a"),
    ("replay", "runs/a", "--set", "locate=bayes"),
    ("reverify", "runs/a"),
    ("export", "runs/a", "--format", "flat"),
    ("preview", *ANNOTATE[1:]),
    ("estimate", *ANNOTATE[1:]),
    ("demo", "--limit", "2"),
]
Omega = Callable[..., Any]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_json_is_one_object_and_all_there_is_on_stdout(
    omega: Omega, jobs: FakeJobs, command: tuple[str, ...]
) -> None:
    result = omega(*command, "--json")
    assert result.exit_code == 0, result.stderr
    assert isinstance(json.loads(result.stdout), dict)
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_without_json_people_can_read_it(omega: Omega, jobs: FakeJobs, command: tuple[str, ...]) -> None:
    result = omega(*command)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert not result.stdout.startswith("{")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("bad"), 2),
        (InputError("bad"), 2),
        (RunLockedError("bad"), 4),
        (RunConflictError("bad"), 5),
        (StoreDamagedError("bad"), 6),
        (BackendError("bad"), 7),
        (StoreError("bad"), 8),
        (OmegaError("bad"), 1),
        (ValueError("bad"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(
    omega: Omega, jobs: FakeJobs, error: BaseException, code: int
) -> None:
    jobs.fails = error
    result = omega(*ANNOTATE, "--json")
    assert result.exit_code == code
    assert "Traceback" not in result.stderr
    assert "error: " in result.stderr
    assert json.loads(result.stdout)["error"]["exit_code"] == code


def test_a_hint_stands_on_its_own_line(omega: Omega, jobs: FakeJobs) -> None:
    jobs.fails = RunLockedError("the run is being written", hint="wait")
    assert "error: the run is being written\nhint: wait\n" in omega("status", "runs/a").stderr


def test_debug_lets_the_error_through(omega: Omega, jobs: FakeJobs) -> None:
    jobs.fails = ConfigError("bad")
    assert omega(*ANNOTATE, "--debug").exception is jobs.fails


@pytest.mark.parametrize(
    "changes", [{"quarantined": 2}, {"finishes": {"root_unjudged": 1}}, {"complete": False}]
)
def test_a_run_with_gaps_is_partial(omega: Omega, jobs: FakeJobs, changes: dict[str, Any]) -> None:
    jobs.changes = changes
    assert omega(*ANNOTATE).exit_code == ExitCode.PARTIAL


def test_the_status_of_an_unfinished_run_is_no_failure(omega: Omega, jobs: FakeJobs) -> None:
    jobs.changes = {"complete": False}
    assert omega("status", "runs/a").exit_code == 0


def test_what_an_unfinished_run_has_paid_for_is_told_beside_what_its_finished_questions_used(
    omega: Omega, jobs: FakeJobs
) -> None:
    assert "in the log" not in omega("status", "runs/a").stdout
    jobs.changes = {"complete": False, "finished": 0, "rollouts": 0, "tokens": 0}
    said = omega("status", "runs/a").stdout
    assert "1,200 in the log, 0 of them in finished questions" in said
    assert "34,567 in the log, 0 of them in finished questions" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_the_job_to_drain(omega: Omega, jobs: FakeJobs, number: signal.Signals) -> None:
    handler = signal.getsignal(number)
    jobs.changes = {"complete": False}
    jobs.before = lambda: signal.raise_signal(number)
    result = omega(*ANNOTATE)
    assert jobs.asked["stop"].is_set()
    assert result.exit_code == ExitCode.INTERRUPTED
    assert "resumes" in result.stderr
    assert signal.getsignal(number) is handler


def test_a_second_signal_ends_it(omega: Omega, jobs: FakeJobs) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second signal did not interrupt")

    jobs.before = twice
    assert omega(*ANNOTATE).exit_code == ExitCode.INTERRUPTED


def test_warnings_go_to_stderr(omega: Omega, jobs: FakeJobs) -> None:
    jobs.changes = {"warnings": ("6.0 % were truncated",)}
    result = omega(*ANNOTATE, "--json")
    assert "warning: 6.0 % were truncated" in result.stderr
    assert json.loads(result.stdout)["warnings"] == ["6.0 % were truncated"]


def test_text_of_a_model_cannot_command_the_terminal_or_the_layout(omega: Omega, jobs: FakeJobs) -> None:
    result = omega("preview", *ANNOTATE[1:])
    assert "solve this [bold]now[/bold]" in result.stdout
    assert "\x1b" not in omega("preview", *ANNOTATE[1:], "--json").stdout


def test_progress_is_plain_lines_where_stderr_is_no_terminal(omega: Omega, jobs: FakeJobs) -> None:
    assert "1 of 3 questions  400 rollouts" in omega(*ANNOTATE).stderr
    assert omega(*ANNOTATE, "--progress", "none").stderr == ""


def test_the_log_file_gets_the_progress_and_is_let_go(omega: Omega, jobs: FakeJobs, tmp_path: Path) -> None:
    assert omega(*ANNOTATE, "--log_file_prefix", "log/run", "--progress", "none").exit_code == 0
    assert "400 rollouts" in (tmp_path / "log/run.log").read_text()
    before = (tmp_path / "log/run.log").read_text()
    omega(*ANNOTATE)
    assert (tmp_path / "log/run.log").read_text() == before


def test_the_log_file_gets_warnings_and_the_error_that_ends_it(
    omega: Omega, jobs: FakeJobs, tmp_path: Path
) -> None:
    logged = (*ANNOTATE, "--log-file-prefix", "log/run", "--progress", "none")
    jobs.changes = {"warnings": ("6.0 % were\x1b[31m truncated",)}
    assert omega(*logged).stderr == "warning: 6.0 % were truncated\n"
    jobs.fails = BackendError("the engine is gone", hint="start it again")
    assert omega(*logged).exit_code == ExitCode.BACKEND
    jobs.fails = ZeroDivisionError("odd")
    omega(*logged)
    lines = (tmp_path / "log/run.log").read_text()
    assert "WARNING 6.0 % were truncated\n" in lines
    assert "ERROR the engine is gone; hint: start it again\n" in lines
    assert "ERROR ZeroDivisionError: odd\nTraceback" in lines


def test_an_export_of_an_unfinished_run_says_so(
    omega: Omega, jobs: FakeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exported(finished: int) -> ExportSummary:
        return ExportSummary(Path("x.jsonl"), 4, finished=finished, questions=9)

    monkeypatch.setattr(jobs, "export", lambda run, **asked: exported(2))
    result = omega("export", "runs/a", "--format", "flat", "--json")
    assert result.exit_code == 0
    assert "warning: the run is not finished: exported are 2 of its 9 questions" in result.stderr
    assert json.loads(result.stdout)["finished"] == 2
    monkeypatch.setattr(jobs, "export", lambda run, **asked: exported(9))
    assert omega("export", "runs/a", "--format", "flat").stderr == ""


def test_export_passes_its_choices_on(omega: Omega, jobs: FakeJobs) -> None:
    assert omega("export", "r", "-f", "tree", "-o", "x.jsonl", "--text", "cumulative").exit_code == 0
    assert (jobs.asked["format"], jobs.asked["output"]) == ("tree", Path("x.jsonl"))
    assert jobs.asked["options"].text == "cumulative"


def test_the_demo_tells_its_accuracies(omega: Omega, jobs: FakeJobs) -> None:
    shown = omega("demo").stdout
    assert "90.0% of 100 (95 % interval 82.6% to 94.5%)" in shown
    assert "none to judge" in shown
    data = json.loads(omega("demo", "--json").stdout)
    assert (data["exact_hits"], data["hard_label_accuracy"]["value"]) == (90, None)


def test_the_version_is_told(omega: Omega) -> None:
    result = omega("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("omega_fast ")


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(ExitCode)


def test_an_estimate_tells_how_far_it_is(omega: Omega, jobs: FakeJobs) -> None:
    assert omega("estimate", *ANNOTATE[1:], "--progress", "plain").exit_code == 0
    assert callable(jobs.asked["on_progress"])


def test_progress_speaks_of_first_errors_only_where_they_are_looked_for() -> None:
    line = _line(PROGRESS)
    assert "1 of 3 questions  400 rollouts  9,000 tokens  2 first errors  64 in flight" in line
    drawing = replace(PROGRESS, located=None, rollouts=1, tokens=1)
    assert "1 of 3 questions  1 rollout  1 token  64 in flight" in _line(drawing)
