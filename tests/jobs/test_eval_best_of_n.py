from __future__ import annotations

import json
from collections import Counter
from math import comb

import pytest

from omega_fast.errors import ConfigError
from omega_fast.jobs import eval_best_of_n
from tests.eval.stubs import Constant, Hashed, LogProbs, read, write


def sampled(number: int, answers: list[str | None], gold: str | None = "7") -> dict:
    texts = [
        f"step one of sample {at}\n\n" + ("I give up" if answer is None else f"The answer is {answer}.")
        for at, answer in enumerate(answers)
    ]
    row = {"problem": f"problem {number}", "responses": [{"text": text} for text in texts]}
    return row if gold is None else {**row, "answer": gold}


@pytest.fixture
def rows(tmp_path):
    answers = [["7", "3", "7.0", "5"], ["3", "3", "7", None], [None, None, "5", "6"], ["7", "7", "7", "7"]]
    return write(tmp_path / "rows.jsonl", [sampled(at, each) for at, each in enumerate(answers)])


def test_majority_and_pass_are_those_worked_by_hand(rows, tmp_path):
    done = eval_best_of_n([rows], output=tmp_path / "out")
    found = done.results
    # Of four samples: right 2 1 0 4; the most frequent answer is right, wrong, wrong (and a tie), right.
    assert found["pass"]["1"]["value"] == pytest.approx((2 + 1 + 0 + 4) / 16)
    assert found["pass"]["4"]["value"] == 0.75
    assert found["pass"]["2"]["value"] == pytest.approx((1 - 1 / 6 + 1 - 3 / 6 + 0 + 1) / 4)
    assert found["majority"]["4"]["value"] == 0.5
    assert found["majority"]["1"]["value"] == pytest.approx(7 / 16)
    assert (found["questions"], found["samples"], found["unjudged"]) == (4, 16, 0)


class Loving:
    """Loves the samples whose last step says `loved`."""

    def __init__(self, loved):
        self.loved = loved

    def score_many(self, solutions):
        return [[0.9 if self.loved in steps[-1] else 0.2] * len(steps) for _, steps in solutions]


def test_a_scorer_that_knows_the_answer_reaches_pass_at_n(rows, tmp_path):
    done = eval_best_of_n([rows], scorer=Loving("is 7"), output=tmp_path / "out")
    for n in ("1", "2", "4"):
        assert done.results["best"]["min"][n]["value"] == pytest.approx(done.results["pass"][n]["value"])
    assert done.results["weighted"]["last"]["4"]["value"] == pytest.approx(0.75)


def test_a_scorer_that_loves_a_wrong_answer_is_led_by_it(rows, tmp_path):
    done = eval_best_of_n([rows], scorer=Loving("is 3"), output=tmp_path / "out")
    # In the third question none is loved or right, in the last all are right.
    assert done.results["best"]["min"]["4"]["value"] == 0.25


def test_a_constant_scorer_chooses_at_random_and_votes_as_the_majority(rows, tmp_path):
    done = eval_best_of_n([rows], scorer=Constant(), output=tmp_path / "out")
    for n in ("1", "2", "4"):
        assert done.results["best"]["prod"][n]["value"] == pytest.approx(7 / 16)
        weighted = done.results["weighted"]["min"][n]
        assert weighted["value"] == pytest.approx(done.results["majority"][n]["value"])
        assert (weighted["drawn"], weighted["sampling_error"]) == (0, 0.0)


def test_aggregations_are_those_asked_for(rows, tmp_path):
    done = eval_best_of_n(
        [rows], scorer=Hashed(), output=tmp_path / "out", aggregations=["sum_logits", "mean"]
    )
    assert list(done.results["best"]) == ["sum_logits", "mean"]
    with pytest.raises(ConfigError, match="no aggregation 'median'"):
        eval_best_of_n([rows], scorer=Hashed(), output=tmp_path / "out", aggregations=["median"])


def test_many_samples_are_drawn_from_and_the_error_is_told(tmp_path):
    path = write(tmp_path / "rows.jsonl", [sampled(0, ["7", "3", "5", "7"] * 5)])
    done = eval_best_of_n([path], scorer=Hashed(), output=tmp_path / "out")
    assert comb(20, 8) > 2500
    assert done.results["weighted"]["min"]["8"]["drawn"] == 1
    assert done.results["weighted"]["min"]["8"]["sampling_error"] > 0
    assert done.results["weighted"]["min"]["2"]["drawn"] == 0
    again = eval_best_of_n([path], scorer=Hashed(), output=tmp_path / "again")
    assert again.results == done.results
    other = eval_best_of_n([path], scorer=Hashed(), output=tmp_path / "other", seed=1)
    assert other.results["weighted"]["min"]["8"] != done.results["weighted"]["min"]["8"]


def test_implicit_rewards_come_with_every_setting_of_the_protocol(rows, tmp_path):
    done = eval_best_of_n([rows], scorer=LogProbs(), output=tmp_path / "out")
    rules = list(done.results["best"])
    assert len(rules) == 8
    assert {
        f"{setting}/{kind}/{how}"
        for setting in ("with reference", "without reference")
        for kind in ("single", "accumulative")
        for how in ("min", "sum")
    } == set(rules)
    row = read(tmp_path / "out/rows.jsonl")[0]
    columns = LogProbs().step_log_probs([("", ["step one of sample 0", "The answer is 7."])])[0]
    ratios = [p - r for p, r in zip(columns["policy"], columns["reference"], strict=True)]
    assert row["scores"]["with reference/single/sum"][0] == pytest.approx(0.001 * sum(ratios))
    assert row["scores"]["with reference/accumulative/min"][0] == pytest.approx(
        0.001 * min(ratios[0], sum(ratios))
    )
    assert row["scores"]["without reference/single/min"][0] == pytest.approx(0.001 * min(columns["policy"]))
    # A vote weighs about a half each, so it is the majority but where that is a tie
    assert done.results["weighted"][rules[0]]["4"]["value"] == 0.5


def test_figures_come_by_file_too(rows, tmp_path):
    other = write(tmp_path / "other.jsonl", [sampled(9, ["7", "7", "7", "7"])])
    done = eval_best_of_n([rows, other], scorer=Hashed(), output=tmp_path / "out")
    assert list(done.results["files"]) == ["rows", "other"]
    assert done.results["files"]["other"]["pass"]["1"]["value"] == 1.0
    alone = eval_best_of_n([rows], scorer=Hashed(), output=tmp_path / "alone")
    assert alone.results["files"] == {}
    assert done.results["files"]["rows"]["best"] == alone.results["best"]


def test_a_question_with_fewer_samples_counts_where_it_has_enough(tmp_path):
    path = write(tmp_path / "rows.jsonl", [sampled(0, ["7", "7", "7", "7"]), sampled(1, ["3", "3"])])
    found = eval_best_of_n([path], output=tmp_path / "out").results
    assert (found["pass"]["2"]["n"], found["pass"]["4"]["n"]) == (2, 1)
    assert found["pass"]["4"]["value"] == 1.0


def test_gold_answers_come_from_another_file(tmp_path):
    path = write(tmp_path / "rows.jsonl", [sampled(0, ["7", "3"], gold=None)])
    gold = write(tmp_path / "gold.jsonl", [{"problem": "problem 0 ", "answer": "3"}])
    found = eval_best_of_n([path], gold=gold, output=tmp_path / "out")
    assert read(tmp_path / "out/rows.jsonl")[0]["correct"] == [False, True]
    assert found.results["pass"]["1"]["value"] == 0.5


def test_flags_count_where_there_is_no_gold(tmp_path):
    row = sampled(0, ["7", "3"], gold=None)
    for response, right in zip(row["responses"], (False, True), strict=True):
        response["correct"] = right
    eval_best_of_n([write(tmp_path / "rows.jsonl", [row])], output=tmp_path / "out")
    assert read(tmp_path / "out/rows.jsonl")[0]["correct"] == [False, True]


def test_answers_that_only_algebra_can_compare_vote_together(tmp_path):
    answers = [r"\frac{x+1}{2}", "(x+1)/2", "x", r"0.5x+0.5", "x"]
    path = write(tmp_path / "rows.jsonl", [sampled(0, answers, gold="y")])
    eval_best_of_n([path], output=tmp_path / "out")
    groups = read(tmp_path / "out/rows.jsonl")[0]["answers"]
    assert sorted(Counter(groups).values()) == [2, 3]
    assert groups[0] == groups[1] == groups[3]


def test_samples_that_cannot_be_scored_come_last_and_do_not_vote(tmp_path):
    row = sampled(0, ["3", "3", "7"])
    for at in (0, 1):
        row["responses"][at]["text"] = "TOO LONG. " + row["responses"][at]["text"]
    row["responses"].append({"text": "  \n\n "})
    done = eval_best_of_n([write(tmp_path / "rows.jsonl", [row])], scorer=Hashed(), output=tmp_path / "out")
    assert done.results["unscored"] == 3
    assert done.results["majority"]["2"]["value"] < 1
    assert done.results["best"]["min"]["4"]["value"] == 1.0
    assert done.results["weighted"]["min"]["4"]["value"] == 1.0
    json.loads((tmp_path / "out/results.json").read_text())


def test_steps_are_cut_as_asked(tmp_path):
    asked = []

    class Asked(Constant):
        def score_many(self, solutions):
            asked.extend(tuple(steps) for _, steps in solutions)
            return super().score_many(solutions)

    row = {"problem": "p", "answer": "7", "responses": ["Step 1: a\nb Step 2: The answer is 7"]}
    path = write(tmp_path / "rows.jsonl", [row])
    eval_best_of_n([path], scorer=Asked(), output=tmp_path / "1", split_pattern=r"Step \d+:")
    eval_best_of_n([path], scorer=Asked(), output=tmp_path / "2", separator="\n")
    assert asked == [("a\nb", "The answer is 7"), ("Step 1: a", "b Step 2: The answer is 7")]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"separator": ""}, "separator is empty"), ({"split_pattern": "("}, "no pattern")],
)
def test_what_cannot_cut_is_refused(rows, tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        eval_best_of_n([rows], scorer=Hashed(), output=tmp_path / "out", **settings)


def test_a_question_without_gold_or_flags_is_set_aside(tmp_path):
    path = write(tmp_path / "rows.jsonl", [sampled(0, ["7"]), sampled(1, ["7"], gold=None)])
    done = eval_best_of_n([path], output=tmp_path / "out")
    assert (done.rows, done.quarantined) == (1, 1)
    assert "neither a gold answer nor samples" in read(done.quarantine)[0]["reason"]


@pytest.mark.data
def test_real_gsm8k_solutions_give_the_figures_of_their_own_flags(tmp_path, data_folder):
    """Pass@k from the published flags, the majority from the published final lines `A: N`."""
    path = data_folder / "gsm8k" / "example_model_solutions.jsonl"
    passed, voted = {1: 0.0, 2: 0.0, 4: 0.0}, 0.0
    rows = read(path)
    for row in rows:
        samples = [row[name] for name in sorted(name for name in row if name[:4] in {"6b_f", "6b_v", "175b"})]
        right = sum(each["is_correct"] for each in samples)
        for k in passed:
            passed[k] += 1 - comb(4 - right, k) / comb(4, k)
        said = [
            "right"
            if each["is_correct"]
            else each["solution"].rpartition("\nA:")[2].replace(",", "").strip(" $.%")
            for each in samples
        ]
        counts = Counter(answer for answer in said if answer)
        top = [answer for answer, count in counts.items() if count == max(counts.values())]
        voted += ("right" in top) / len(top)
    found = eval_best_of_n([path], output=tmp_path / "out").results
    assert (found["questions"], found["samples"]) == (1319, 5276)
    for k, value in passed.items():
        assert found["pass"][str(k)]["value"] == pytest.approx(value / len(rows))
    # Units, fractions and the like are equal to the package's rules alone
    assert found["majority"]["4"]["value"] == pytest.approx(voted / len(rows), abs=0.002)
