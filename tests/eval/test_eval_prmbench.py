import pytest

from omega_fast.eval.prmbench import CLASSES, Confusion, by_class, confusion, right_steps


def test_the_score_is_that_of_an_example_worked_by_hand():
    # Right steps 1, 3, 4, wrong step 2. Taken for right: 1, 2, 4. tp 2, fp 1, fn 1, tn 0.
    counts = confusion([2], [True, True, False, True])
    assert counts == Confusion(tp=2, fp=1, tn=0, fn=1)
    assert counts.f1 == pytest.approx(4 / 6)
    assert counts.f1_neg == 0.0
    assert counts.prm_score == pytest.approx(2 / 6)


def test_a_perfect_model_scores_one():
    assert confusion([2, 3], [True, False, False]).prm_score == 1.0


def test_a_model_that_finds_everything_right_gets_no_credit_for_errors():
    counts = confusion([2], [True, True, True, True])
    assert counts.f1_neg == 0.0
    assert counts.prm_score == pytest.approx(0.5 * 6 / 7)


def test_solutions_without_errors_are_scored_by_f1_alone():
    counts = confusion([], [True, True, False, True])
    assert counts.to_dict("multi_solutions")["prm_score"] == pytest.approx(6 / 7)
    assert counts.to_dict("deception")["prm_score"] == pytest.approx(3 / 7)


def test_redundancy_is_inverted_where_the_error_is_redundancy():
    scores, redundancy = [0.9, 0.9], [0.1, 0.8]
    assert right_steps("redundency", scores, 0.5, redundancy) == [True, False]
    assert right_steps("circular", scores, 0.5, redundancy) == [True, False]
    assert right_steps("deception", scores, 0.5, redundancy) == [True, True]


def test_without_a_redundancy_score_validity_decides_everywhere():
    assert [right_steps(name, [0.6, 0.5, 0.4], 0.5) for name in CLASSES] == [[True, False, False]] * 9


def test_classes_come_in_the_published_order_and_others_after_them():
    rows = [("zebra", Confusion(tp=1)), ("deception", Confusion(tn=1)), ("redundency", Confusion(fp=1))]
    classes, total = by_class([*rows, ("zebra", Confusion(fn=2))])
    assert list(classes) == ["redundency", "deception", "zebra"]
    assert classes["zebra"] == Confusion(tp=1, fn=2)
    assert total == Confusion(tp=1, fp=1, tn=1, fn=2)
