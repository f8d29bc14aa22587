"""How an answer is chosen among candidates, and what figures come of it."""

import pytest

from omega_fast.eval.guided import CHOICES, Candidate, chosen, figures


def candidate(group, score, text=""):
    return Candidate(text, group, score, 0.0 if score is None else score)


def test_the_three_choices_differ_where_they_should():
    several = [*[candidate(1, 0.3)] * 3, candidate(2, 0.95), *[candidate(3, 0.5)] * 2]
    assert chosen(several, "naive") == 3
    assert chosen(several, "majority") == 0
    assert chosen(several, "weighted") == 4


@pytest.mark.parametrize("how", CHOICES)
def test_nothing_is_chosen_from_nothing(how):
    assert chosen([], how) is None


def test_a_candidate_without_a_score_comes_last():
    unscored_first = [candidate(1, None), candidate(2, 0.1)]
    assert chosen(unscored_first, "naive") == chosen(unscored_first, "weighted") == 1
    assert chosen(unscored_first, "majority") == 0


def test_without_any_score_votes_still_elect_an_answer():
    several = [candidate(1, None), candidate(2, None), candidate(2, None)]
    assert chosen(several, "majority") == 1
    assert chosen(several, "naive") == 0


def test_candidates_without_an_answer_do_not_vote():
    several = [candidate(None, 0.9), candidate(None, 0.9), candidate(4, 0.1)]
    assert chosen(several, "majority") == chosen(several, "weighted") == 2
    assert chosen(several, "naive") == 0
    assert chosen(several[:2], "majority") == 0


def test_scores_below_zero_are_ranked_and_weigh_what_they_are_given():
    logits = [Candidate("", 1, -3.0, 0.05), Candidate("", 2, -1.0, 0.27)]
    assert chosen(logits, "naive") == chosen(logits, "weighted") == 1


def row(**changes):
    choice = {"index": 0, "answer": "7", "correct": True}
    return {
        "chosen": dict.fromkeys(CHOICES, choice),
        "right": 2,
        "distinct_right": 1,
        "wholly_right": None,
        "n_candidates": 4,
        "tokens": 100,
        "draws": 4,
        "cut": 0,
        "lost": 0,
        "unscored": 0,
        "unjudged": 0,
        **changes,
    }


def test_a_question_without_candidates_is_wrong_and_one_without_gold_is_not_judged():
    nothing = {how: {"index": None, "answer": None, "correct": False} for how in CHOICES}
    rows = [
        row(),
        row(chosen=nothing, right=0, distinct_right=0, n_candidates=0),
        row(right=None, distinct_right=None),
    ]
    found = figures(rows)
    assert (found["questions"], found["judged"], found["without_candidate"]) == (3, 2, 1)
    assert found["accuracy"]["weighted"]["value"] == 0.5
    assert found["any"]["value"] == 0.5
    assert found["right_share"]["value"] == 0.25
    assert found["tokens_a_question"] == 100
    assert "any_wholly_right" not in found


def test_no_rows_have_no_figures():
    assert figures([])["questions"] == 0
