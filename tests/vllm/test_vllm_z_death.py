"""The death of the engine in the middle of a run. It stands last, for no other test has an engine afterwards."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil
import pytest

from omega_fast.errors import BackendError
from omega_fast.jobs import annotate
from omega_fast.jobs.demo import check_against_truth
from omega_fast.records import GenerationRequest
from omega_fast.search.projection import read_artifacts
from tests.engine.runs import draws
from tests.vllm.opened import N_QUESTIONS, ledger_config

pytestmark = pytest.mark.vllm


def engine_processes() -> list[psutil.Process]:
    """Those of the engine in this process; the server's are in a group of their own."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if "VLLM::" in " ".join(each.cmdline()) and os.getpgid(each.pid) == os.getpgrp():
                found.append(each)
    return found


def test_an_interrupt_of_the_whole_group_leaves_the_engine_at_work(engines, ledger, drain):
    processes = engine_processes()
    assert processes
    for process in processes:
        process.send_signal(signal.SIGINT)
    found = drain(engines.vllm, [GenerationRequest(id_, ledger[0], "", None, id_, 64) for id_ in range(128)])
    assert len(found) == 128
    assert {process.pid for process in engine_processes()} == {process.pid for process in processes}


def test_a_killed_engine_stops_the_run_and_another_engine_resumes_it(engines, tmp_path):
    config = ledger_config(tmp_path / "run")

    def kill(progress) -> None:
        if progress.rollouts > 300:
            for process in engine_processes():
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    with pytest.raises(BackendError, match="the vLLM engine has died"):
        annotate(config, backend=engines.vllm, on_progress=kill)
    with pytest.raises(BackendError, match="the vLLM engine has died"):
        engines.vllm.poll(0)
    made = draws(config.output_dir)
    assert sum(made.values()) > 300
    # The fingerprints are equal, so the run may go on with the other engine.
    summary = annotate(config, backend=engines.transformers)
    assert summary.complete
    assert summary.finished == N_QUESTIONS
    assert summary.lost == 0
    after = draws(config.output_dir)
    assert set(after.values()) == {1}
    assert made.keys() <= after.keys()
    hits, labels = check_against_truth(read_artifacts(config.output_dir))
    print(f"killed after {sum(made.values())} of {sum(after.values())} rollouts; {hits} {labels}")
    assert labels.hits / labels.total > 0.8
