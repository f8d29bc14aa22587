"""A fine-tuning that is asked to stop saves the update at work and goes on with the same curve."""

from threading import Event

import pytest

from omega_fast.jobs.gflownet import finetune
from omega_fast.train.gflownet.config import gflownet_config
from tests.train.gflownet.finetunings import QUESTIONS, SMALL, Scorer, column, finetuned, short_is_good

_MORE = {"updates": 6, "save_every": 100}


def test_a_stopped_training_goes_on_behind_the_update_it_had_finished(tiny, tmp_path):
    whole = finetuned(tiny, tmp_path / "whole", **_MORE)
    stop = Event()
    with pytest.raises(KeyboardInterrupt):
        finetune(
            QUESTIONS,
            gflownet_config(**{**SMALL, **_MORE}, model=tiny),
            tmp_path / "stopped",
            prm=Scorer(short_is_good),
            on_log=lambda entry: stop.set() if entry["step"] == 3 else None,
            stop=stop,
        )
    seen = []
    resumed = finetuned(tiny, tmp_path / "stopped", on_log=lambda entry: seen.append(entry["step"]), **_MORE)
    assert seen == [4, 5, 6]
    assert column(resumed, "loss") == pytest.approx(column(whole, "loss"), rel=1e-4, abs=1e-6)


def test_a_stop_after_the_last_update_is_no_interruption(tiny, tmp_path):
    stop = Event()
    done = finetune(
        QUESTIONS,
        gflownet_config(**SMALL, model=tiny),
        tmp_path / "done",
        prm=Scorer(short_is_good),
        on_log=lambda entry: stop.set() if entry["step"] == SMALL["updates"] else None,
        stop=stop,
    )
    assert done.record["finished"]
