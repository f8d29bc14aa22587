from __future__ import annotations

import pytest

from omega_fast.errors import ConfigError
from omega_fast.jobs import eval_prmbench
from tests.eval.stubs import Constant, Hashed, read, write


def classified(number: int, errors: list[int], classification: str = "deception", steps: int = 4) -> dict:
    process = [f"step {at} of {number}" for at in range(1, steps + 1)]
    return {
        "idx": f"{classification}_{number}",
        "question": f"problem {number}",
        "original_process": process,
        "modified_process": process,
        "modified_steps": errors,
        "error_steps": errors,
        "reason": "because",
        "classification": classification,
    }


class Flagging:
    """Takes steps 2 and 3 of every solution for wrong."""

    def score_many(self, solutions):
        return [[0.1 if at in (2, 3) else 0.8 for at in range(1, len(s) + 1)] for _, s in solutions]


def test_the_figures_are_those_of_an_example_worked_by_hand(tmp_path):
    # deception: wrong 2 of 4: tp 2, fn 1, tn 1, fp 0; circular: wrong 4: tp 1, fn 2, tn 0, fp 1.
    path = write(tmp_path / "rows.jsonl", [classified(0, [2]), classified(1, [4], "circular")])
    done = eval_prmbench([path], scorer=Flagging(), output=tmp_path / "out")
    deception, circular = (done.results["classes"][name] for name in ("deception", "circular"))
    assert (deception["f1"], deception["f1_neg"]) == (pytest.approx(4 / 5), pytest.approx(2 / 3))
    assert deception["prm_score"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert circular["prm_score"] == pytest.approx(0.5 * 2 / 5)
    overall = done.results["overall"]
    assert [overall[name] for name in ("tp", "fp", "tn", "fn")] == [3, 1, 1, 3]
    assert overall["prm_score"] == pytest.approx(0.5 * 6 / 10 + 0.5 * 2 / 6)
    assert read(tmp_path / "out/rows.jsonl")[0]["taken_for_wrong"] == [2, 3]


def test_right_solutions_alone_are_scored_by_f1_of_right_steps(tmp_path):
    path = write(tmp_path / "rows.jsonl", [classified(0, [], "multi_solutions")])
    done = eval_prmbench([path], scorer=Constant(), output=tmp_path / "out")
    assert done.results["classes"]["multi_solutions"]["prm_score"] == 1.0
    assert done.results["overall"]["prm_score"] == 0.5


def test_a_score_at_the_threshold_is_wrong(tmp_path):
    path = write(tmp_path / "rows.jsonl", [classified(0, [1, 2, 3, 4])])
    done = eval_prmbench([path], scorer=Constant(0.5), output=tmp_path / "out")
    assert done.results["overall"]["f1_neg"] == 1.0


HOSTILE = [
    ({**classified(1, [1]), "modified_process": []}, "has no steps"),
    ({**classified(1, [1]), "modified_process": ["a", ""]}, "has a blank step: 2"),
    (classified(1, [0]), "error step 0 is none of its 4 steps"),
    (classified(1, [5]), "error step 5 is none of its 4 steps"),
    ({**classified(1, [1]), "error_steps": ["1"]}, "error step '1' is not an integer"),
    ({**classified(1, [1]), "error_steps": [True]}, "error step True is not an integer"),
    ({**classified(1, [1]), "error_steps": 1}, "error_steps is not a list"),
    ({**classified(1, [1]), "classification": " "}, "classification is empty"),
    (
        {key: value for key, value in classified(1, [1]).items() if key != "error_steps"},
        "lacks 'error_steps'",
    ),
    ({key: value for key, value in classified(1, [1]).items() if key != "question"}, "lacks 'question'"),
    ({**classified(1, [1]), "modified_process": ["TOO LONG"]}, "cannot be scored"),
]


@pytest.mark.parametrize(("row", "reason"), HOSTILE)
def test_a_row_that_cannot_be_used_is_named_and_the_others_count(tmp_path, row, reason):
    path = write(tmp_path / "rows.jsonl", [classified(7, [1]), row])
    done = eval_prmbench([path], scorer=Hashed(), output=tmp_path / "out")
    assert (done.rows, done.quarantined) == (1, 1)
    told = read(done.quarantine)
    assert told[0]["line"] == 2
    assert reason in told[0]["reason"]


def test_the_modified_question_is_the_one_that_is_asked(tmp_path):
    asked = []

    class Asked(Constant):
        def score_many(self, solutions):
            asked.extend(problem for problem, _ in solutions)
            return super().score_many(solutions)

    row = {**classified(0, [1]), "modified_question": "another"}
    eval_prmbench([write(tmp_path / "rows.jsonl", [row])], scorer=Asked(), output=tmp_path / "out")
    assert asked == ["another"]


def test_a_threshold_is_a_probability_and_there_is_a_scorer(tmp_path):
    path = write(tmp_path / "rows.jsonl", [classified(0, [1])])
    with pytest.raises(ConfigError, match="not in"):
        eval_prmbench([path], scorer=Hashed(), output=tmp_path / "out", threshold=2.0)
    with pytest.raises(ConfigError, match="there is no scorer"):
        eval_prmbench([path], scorer=None, output=tmp_path / "out")
