import pytest

from omega_fast.store.artifacts import Node
from omega_fast.store.formats import SAMPLES, ExportOptions
from omega_fast.store.formats.soft import soft_label
from tests.store.formats.trees import artifacts, counted, node


def rows():
    return {row.state[-1]: row for row in SAMPLES.project(artifacts(), ExportOptions(seed=7))}


def test_every_labelled_node_has_a_row_and_no_other_has():
    assert list(rows()) == ["0", "1", "2", "3", "4", "6"]


def test_a_prefix_is_its_parents_prefix_and_the_step():
    for row in rows().values():
        assert row.prefix == (row.parent_prefix or "") + row.step


def test_the_root_has_no_parent_prefix():
    assert rows()["0"].parent_prefix is None
    assert rows()["1"].parent_prefix == ""


def test_a_row_carries_what_its_label_rests_on():
    row = rows()["3"]
    assert (row.n_correct, row.n_rollouts, row.stopping_rule, row.hard_rule) == (
        0,
        8,
        "first_success",
        "located",
    )
    assert (row.question_id, row.gold_source, row.seed) == ("q-1", "given", 7)
    assert rows()["0"].n_excluded == 1


@pytest.mark.parametrize(
    ("right", "judged", "rule", "label", "estimator"),
    [
        (3, 8, "fixed", 0.375, "mean"),
        (0, 8, "fixed", 0.0, "mean"),
        (1, 4, "first_success", 0.0, "inverse"),
        (3, 9, "first_success", 0.25, "inverse"),
        (1, 1, "first_success", 1.0, "inverse"),
        (0, 8, "first_success", 0.0, "mean"),
    ],
)
def test_a_soft_label_uses_the_estimator_its_stopping_rule_asks_for(right, judged, rule, label, estimator):
    assert soft_label(Node(**node(1, 0, 1, "a", **counted(right, judged, rule)))) == (label, estimator)


def test_a_node_that_was_never_judged_has_no_soft_label():
    assert soft_label(Node(**node(1, 0, 1, "a"))) == (None, "none")


@pytest.mark.parametrize("chance", [0.1, 0.5, 0.9])
def test_the_inverse_estimator_has_no_bias(chance):
    # Stopping at the first success: draw n is the first with chance (1-p)^(n-1) p.
    draws = range(1, 400)
    labels = (soft_label(Node(**node(1, 0, 1, "a", **counted(1, n, "first_success"))))[0] for n in draws)
    mean = sum((1 - chance) ** (n - 1) * chance * label for n, label in zip(draws, labels, strict=True))
    assert mean == pytest.approx(chance)
