from __future__ import annotations

import json

import pytest

from omega_fast.errors import BackendError, ConfigError, InputError, RunConflictError
from omega_fast.jobs import eval_processbench
from tests.eval.stubs import Constant, Hashed, located, read, write


@pytest.fixture
def rows(tmp_path):
    labels = [-1, 0, 2, -1, 3, 1, -1, -1, 2, 0] * 12
    return write(tmp_path / "rows.jsonl", [located(at, label) for at, label in enumerate(labels)])


class Known:
    """Scores that make step `label` of each problem the first below .5, but for problems 1 and 3."""

    def __init__(self, labels):
        self.labels = labels

    def score_many(self, solutions):
        scores = []
        for problem, steps in solutions:
            number = int(problem.split()[1])
            row = [0.9] * len(steps)
            if self.labels[number] >= 0:
                row[self.labels[number]] = 0.1
            if number in (1, 3):
                row[0] = 0.1 if row[0] == 0.9 else 0.9
            scores.append(row)
        return scores


def test_the_figures_are_those_of_an_example_worked_by_hand(tmp_path):
    # Errors at 0, 1, 2: found but for problem 1. Right ones: 3 and 4, of which 3 is judged wrong.
    labels = [0, 1, 2, -1, -1]
    path = write(tmp_path / "rows.jsonl", [located(at, label) for at, label in enumerate(labels)])
    done = eval_processbench([path], scorer=Known(labels), output=tmp_path / "out", threshold=0.5)
    figures = done.results["subsets"]["gsm8k"]
    assert figures["acc_err"] == pytest.approx(2 / 3)
    assert figures["acc_ok"] == pytest.approx(1 / 2)
    assert figures["f1"] == done.results["average_f1"] == pytest.approx(4 / 7)
    assert done.results["threshold_origin"] == "given"
    told = read(tmp_path / "out/rows.jsonl")
    assert [row["prediction"] for row in told] == [0, 0, 2, 0, -1]
    assert json.loads((tmp_path / "out/results.json").read_text())["results"] == done.results


def test_the_threshold_comes_from_one_subset_and_the_searched_ones_have_a_name_of_their_own(tmp_path):
    gsm8k = [located(at, [-1, 0, 2][at % 3]) for at in range(60)]
    math = [located(at, [-1, 1, 3][at % 3], subset="math") for at in range(60)]
    path = write(tmp_path / "rows.jsonl", gsm8k + math)
    done = eval_processbench([path], scorer=Hashed(), output=tmp_path / "out")
    alone = eval_processbench(
        [write(tmp_path / "gsm8k.jsonl", gsm8k)], scorer=Hashed(), output=tmp_path / "alone"
    )
    assert done.results["threshold"] == alone.results["threshold"]
    assert done.results["threshold_origin"] == "chosen on subset gsm8k"
    searched = done.results["threshold_searched_on_test"]["subsets"]
    assert searched["gsm8k"]["f1"] == pytest.approx(done.results["subsets"]["gsm8k"]["f1"])
    assert searched["math"]["f1"] > done.results["subsets"]["math"]["f1"]
    both = [done.results["subsets"][name]["f1"] for name in ("gsm8k", "math")]
    assert done.results["average_f1"] == pytest.approx(sum(both) / 2)


def test_without_the_subset_the_default_threshold_is_said(rows, tmp_path):
    done = eval_processbench([rows], scorer=Hashed(), output=tmp_path / "out", threshold_subset="math")
    assert done.results["threshold"] == 0.5
    assert "no subset math" in done.results["threshold_origin"]


def test_a_constant_scorer_has_a_known_f1(rows, tmp_path):
    done = eval_processbench([rows], scorer=Constant(), output=tmp_path / "out")
    figures = done.results["subsets"]["gsm8k"]
    assert (figures["f1"], figures["acc_err"], figures["acc_ok"]) == (0.0, 0.0, 1.0)
    assert done.results["steps"]["auroc"] == 0.5


def test_what_an_earlier_start_scored_is_not_scored_again(rows, tmp_path):
    whole = eval_processbench([rows], scorer=Hashed(), output=tmp_path / "whole")
    first = Hashed()
    part = write(tmp_path / "part.jsonl", rows.read_text().splitlines()[:70])
    eval_processbench([part], scorer=first, output=tmp_path / "out")
    with (tmp_path / "out/scores-0.jsonl").open("a") as file:
        file.write('{"key":"torn')
    second = Hashed()
    done = eval_processbench([rows], scorer=second, output=tmp_path / "out")
    assert (first.asked, second.asked) == (70, 50)
    assert done.results == whole.results
    assert (tmp_path / "out/rows.jsonl").read_bytes() == (tmp_path / "whole/rows.jsonl").read_bytes()


def test_another_scorer_does_not_go_on_with_the_scores(rows, tmp_path):
    eval_processbench([rows], scorer=Hashed(), output=tmp_path / "out")
    with pytest.raises(RunConflictError, match="scores of another scorer"):
        eval_processbench([rows], scorer=Constant(), output=tmp_path / "out")


HOSTILE = [
    ({**located(1, 0), "steps": []}, "label 0 is no step"),
    ({**located(1, -1), "steps": []}, "has no steps"),
    ({**located(1, -1), "steps": ["a", " \n", "b"]}, "has a blank step: 2"),
    (located(1, 4), "label 4 is no step"),
    (located(1, -2), "label -2 is no step"),
    ({**located(1, 0), "label": True}, "label is not an integer"),
    ({**located(1, 0), "label": 1.0}, "label is not an integer"),
    ({key: value for key, value in located(1, 0).items() if key != "steps"}, "lacks 'steps'"),
    ({key: value for key, value in located(1, 0).items() if key != "label"}, "lacks 'label'"),
    ({**located(1, 0), "problem": None}, "problem is not text"),
    ({**located(1, 0), "steps": ["a", 2]}, "steps holds something that is not text"),
    ("[1, 2]", "is not an object"),
    ('{"id": ', "is not JSON"),
    (
        {**located(1, 0), "steps": ["TOO LONG", "b"]},
        "cannot be scored: problem and solution have 9000 tokens",
    ),
]


@pytest.mark.parametrize(("row", "reason"), HOSTILE)
def test_a_row_that_cannot_be_used_is_named_and_the_others_count(tmp_path, row, reason):
    path = write(tmp_path / "rows.jsonl", [located(7, 0), row, located(8, -1)])
    done = eval_processbench([path], scorer=Hashed(), output=tmp_path / "out")
    assert (done.rows, done.quarantined) == (2, 1)
    told = read(done.quarantine)
    assert told[0]["line"] == 2
    assert reason in told[0]["reason"]


def test_a_file_without_one_good_row_is_refused_with_its_first_fault(tmp_path):
    path = write(tmp_path / "rows.jsonl", [located(1, 9)])
    with pytest.raises(InputError, match=r"no row to evaluate: .*rows.jsonl line 1 .*label 9"):
        eval_processbench([path], scorer=Hashed(), output=tmp_path / "out")


class Broken:
    def __init__(self, answer):
        self.answer = answer

    def score_many(self, solutions):
        return self.answer(solutions)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda s: [[0.5] * 9] * len(s), r"returned \[0.5, 0.5.* for 4 steps"),
        (lambda s: [], "returned 0 rows"),
        (lambda s: [[2.0] * 4] * len(s), "a number in"),
        (lambda s: [[float("nan")] * 4] * len(s), "returned .nan"),
    ],
)
def test_a_scorer_that_returns_nonsense_is_told(rows, tmp_path, answer, message):
    with pytest.raises(BackendError) as caught:
        eval_processbench([rows], scorer=Broken(answer), output=tmp_path / "out")
    assert caught.match(message) or message in caught.value.hint


def test_damaged_scores_are_named(rows, tmp_path):
    eval_processbench([rows], scorer=Hashed(), output=tmp_path / "out")
    path = tmp_path / "out/scores-0.jsonl"
    path.write_text(path.read_text().replace('{"key"', '{"kee"', 5))
    with pytest.raises(Exception, match=r"scores-0.jsonl line 2 is no line of scores"):
        eval_processbench([rows], scorer=Hashed(), output=tmp_path / "out")


def test_verdicts_are_judged_by_their_majority(tmp_path):
    rows = write(tmp_path / "rows.jsonl", [located(0, 2), located(1, -1), located(2, 0), located(3, -1)])
    verdicts = [
        {"id": "gsm8k-0", "verdicts": [1, 2, 2]},
        {"id": "gsm8k-1", "verdicts": [None, -1, None]},
        {"id": "gsm8k-2", "verdicts": [None, None, None]},
        {"id": "gsm8k-9", "verdicts": [1]},
    ]
    said = write(tmp_path / "verdicts.jsonl", verdicts)
    done = eval_processbench([rows], verdicts=said, output=tmp_path / "out")
    figures = done.results["subsets"]["gsm8k"]
    # Of the errors 2 and 0 the first is found, the one right solution is left alone.
    assert (figures["acc_err"], figures["acc_ok"]) == (0.5, 1.0)
    assert done.results["average_f1"] == pytest.approx(2 / 3)
    assert done.results["first_sample"]["average_f1"] == 0.0
    assert (done.results["samples"], done.results["unreadable_verdicts"]) == (3, 5)
    assert (done.quarantined, done.rows) == (1, 3)


@pytest.mark.parametrize("verdicts", [[True], ["2"], "2", [1.0]])
def test_verdicts_of_another_kind_are_set_aside(tmp_path, verdicts):
    rows = write(tmp_path / "rows.jsonl", [located(0, 2), located(1, 2)])
    said = write(
        tmp_path / "v.jsonl", [{"id": "gsm8k-0", "verdicts": verdicts}, {"id": "gsm8k-1", "verdicts": [2]}]
    )
    done = eval_processbench([rows], verdicts=said, output=tmp_path / "out")
    assert (done.rows, done.quarantined) == (1, 2)


def test_two_rows_of_verdicts_for_one_id_are_refused(tmp_path):
    rows = write(tmp_path / "rows.jsonl", [located(0, 2)])
    said = write(tmp_path / "v.jsonl", [{"id": "gsm8k-0", "verdicts": [2]}] * 2)
    with pytest.raises(InputError, match="two rows with the id 'gsm8k-0'"):
        eval_processbench([rows], verdicts=said, output=tmp_path / "out")


def test_a_scorer_or_verdicts_but_not_both_nor_neither(rows, tmp_path):
    with pytest.raises(ConfigError, match="no scorer or there are two"):
        eval_processbench([rows], output=tmp_path / "out")
    with pytest.raises(ConfigError, match="no scorer or there are two"):
        eval_processbench([rows], scorer=Hashed(), verdicts=rows, output=tmp_path / "out")


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_probability(rows, tmp_path, threshold):
    with pytest.raises(ConfigError, match=r"not in \[0, 1\]"):
        eval_processbench([rows], scorer=Hashed(), output=tmp_path / "out", threshold=threshold)


def test_a_model_that_judges_outcomes_is_called_one(rows, tmp_path):
    class Falling(Constant):
        def score_many(self, solutions):
            return [[1 - at / 10 for at in range(len(steps))] for _, steps in solutions]

    done = eval_processbench([rows], scorer=Falling(), output=tmp_path / "out")
    assert done.results["minima_on_last"] == 1.0
    assert done.results["outcome_like"]
