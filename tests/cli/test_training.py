"""What the summaries of all trainings tell of a log."""

import random

import pytest

from omega_fast.cli.training import course_of


def test_the_course_of_a_long_log_is_told_by_means_that_one_noisy_update_does_not_turn():
    rng = random.Random(0)
    log = [{"loss": 2.0 - at / 100 + rng.gauss(0, 0.1)} for at in range(100)]
    log[0]["loss"], log[-1]["loss"] = 0.0, 5.0
    told = course_of(log, "loss")
    first, last = (float(told.split()[at]) for at in (0, 3))
    assert first > last
    assert told.endswith("at last (means of 10 entries each)")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], "-"),
        ([0.5], "0.5 at first, 0.5 at last"),
        ([0.5, 9.0, 0.25], "0.5 at first, 0.25 at last"),
        ([1.0, 3.0, *[0.0] * 16, 4.0, 6.0], "2 at first, 5 at last (means of 2 entries each)"),
    ],
)
def test_few_entries_are_told_as_they_are(values, told):
    log = [{"step": 1}, *({"loss": value} for value in values)]
    assert course_of(log, "loss") == told
