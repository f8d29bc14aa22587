"""A disk that fails under a run: it stops with an error that names the path, and the same call resumes it."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest

from omega_fast.errors import RunLockedError, StoreError
from omega_fast.search import projection
from omega_fast.store import RunDirectory
from omega_fast.store.files import LocalFileSystem
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, draws, exports
from tests.faults.faulty import FaultyFileSystem


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory):
    run = tmp_path_factory.mktemp("disk") / "run"
    annotated(run, asked=questions(3))
    return run


def on(monkeypatch: pytest.MonkeyPatch, files: FaultyFileSystem | LocalFileSystem) -> None:
    """Put every run that is opened from here on upon `files`."""
    opening = RunDirectory.open_or_create.__func__
    monkeypatch.setattr(
        RunDirectory,
        "open_or_create",
        classmethod(lambda cls, path, **rest: opening(cls, path, **rest, files=files)),
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_operation_stops_a_run_that_resumes_to_the_same_labels(
    tmp_path, monkeypatch, whole, code
):
    counting = FaultyFileSystem()
    with monkeypatch.context() as patch:
        on(patch, counting)
        annotated(tmp_path / "counted", asked=questions(3))
    assert counting.operations > 20
    # How many records share a commit depends on time, so a run may end before the operation that was to fail.
    failed = 0
    for fail_at in range(1, counting.operations + 1):
        run = tmp_path / str(fail_at)
        files = FaultyFileSystem(fail_at, code, partial=fail_at % 2 == 0)
        told = None
        with monkeypatch.context() as patch:
            on(patch, files)
            try:
                annotated(run, asked=questions(3))
            except StoreError as error:
                told = error
        assert (told is None) == (files.operations < fail_at)
        if told is None:
            continue
        failed += 1
        assert str(run) in str(told)
        assert ("free some space" in told.hint) == (code == errno.ENOSPC)
        assert not isinstance(told, RunLockedError)
        annotated(run, asked=questions(3))
        assert exports(run) == exports(whole)
        assert set(draws(run).values()) == {1}
    assert failed > 20


def test_a_disk_that_is_full_when_the_artifacts_are_written_keeps_the_log(tmp_path, monkeypatch, whole):
    run = tmp_path / "run"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(projection, "os", SimpleNamespace(fsync=full, getpid=os.getpid))
        with pytest.raises(StoreError, match=r"artifacts\.jsonl"):
            annotated(run, asked=questions(3))
    engine = FakeEngine()
    annotated(run, engine, questions(3))
    assert engine.submitted == 0
    assert artifacts(run) == artifacts(whole)


def test_a_second_annotate_on_a_run_under_way_is_refused_and_harms_nothing(tmp_path, whole):
    run = tmp_path / "run"
    refused = []

    def second(submitted: int, _: object) -> None:
        if submitted == 10:
            with pytest.raises(RunLockedError, match="which is running"):
                annotated(run, asked=questions(3))
            refused.append(submitted)

    annotated(run, FakeEngine(Knobs(on_submit=second)), questions(3))
    assert refused == [10]
    assert exports(run) == exports(whole)
