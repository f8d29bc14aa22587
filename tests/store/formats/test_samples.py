from dataclasses import replace
from math import comb

import pytest

from omega_fast.store.artifacts import Artifacts, Node, SoftDraws
from omega_fast.store.formats import SAMPLES, ExportOptions
from omega_fast.store.formats.soft import soft_label
from tests.store.formats.trees import artifacts, content, counted, node


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
    soft = soft_label(state(right, judged, rule))
    assert (soft.label, soft.estimator) == (label, estimator)
    assert (soft.n_correct, soft.n_rollouts) == (right, judged)


def test_a_node_that_was_never_judged_has_no_soft_label():
    assert soft_label(Node(**node(1, 0, 1, "a"))) is None


@pytest.mark.parametrize("rule", ["sequential", "posterior", "budget"])
def test_where_outcomes_or_a_budget_ended_sampling_only_draws_made_for_it_give_a_soft_label(rule):
    assert soft_label(state(3, 4, rule)) is None
    soft = soft_label(replace(state(3, 4, rule), soft=SoftDraws(2, 8)))
    assert (soft.label, soft.n_correct, soft.n_rollouts, soft.estimator) == (0.25, 2, 8, "mean")


@pytest.mark.parametrize("chance", [0.1, 0.5, 0.9])
def test_the_inverse_estimator_has_no_bias_and_the_plain_mean_has(chance):
    # Stopping at the first success: draw n is the first with chance (1-p)^(n-1) p.
    chances = {n: (1 - chance) ** (n - 1) * chance for n in range(1, 400)}
    mean = sum(weight * soft_label(state(1, n, "first_success")).label for n, weight in chances.items())
    assert mean == pytest.approx(chance)
    assert sum(weight / n for n, weight in chances.items()) > chance + 0.04


@pytest.mark.parametrize("chance", [0.02, 0.1, 0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("draws", [1, 8, 16, 32])
def test_intervals_of_fixed_draws_cover_in_95_of_100_cases_or_more(chance, draws):
    covered = sum(
        comb(draws, right) * chance**right * (1 - chance) ** (draws - right)
        for right in range(draws + 1)
        if covers(state(right, draws, "fixed"), chance)
    )
    assert covered >= 0.95


@pytest.mark.parametrize("chance", [0.02, 0.1, 0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("cap", [1, 8, 16])
def test_intervals_of_inverse_sampling_cover_in_95_of_100_cases_or_more(chance, cap):
    covered = (1 - chance) ** cap * covers(state(0, cap, "first_success"), chance)
    for n in range(1, cap + 1):
        covered += (1 - chance) ** (n - 1) * chance * covers(state(1, n, "first_success"), chance)
    assert covered >= 0.95


def test_intervals_are_those_of_clopper_and_pearson():
    # Tabulated: 3 of 16, and the rule of 3.7 for none of 10.
    soft = soft_label(state(3, 16, "fixed"))
    assert (soft.low, soft.high) == (pytest.approx(0.0405, abs=5e-5), pytest.approx(0.4565, abs=5e-5))
    assert soft_label(state(0, 10, "fixed")).high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert soft_label(state(10, 10, "fixed")).high == 1.0


def test_a_posteriors_value_stands_beside_the_soft_label_and_never_in_it():
    nodes = content()["nodes"]
    nodes[2] |= counted(1, 4, "posterior") | {"value": {"mean": 0.4, "low": 0.2, "high": 0.7}}
    row = list(SAMPLES.project(Artifacts.from_json({**content(), "nodes": nodes}), ExportOptions()))[2]
    assert (row.label, row.label_low, row.label_rollouts, row.estimator) == (None, None, None, "none")
    assert (row.value, row.value_low, row.value_high) == (0.4, 0.2, 0.7)
    assert row.value_estimator == "posterior_mean"


def test_rows_of_older_files_without_intervals_are_read():
    row = SAMPLES.to_json(rows()["1"], ExportOptions())
    older = {name: value for name, value in row.items() if name not in NEW}
    assert SAMPLES.from_json(older).label == 0.5


NEW = {"label_low", "label_high", "label_correct", "label_rollouts"} | {
    "value",
    "value_low",
    "value_high",
    "value_estimator",
}


def state(right, judged, rule):
    return Node(**node(1, 0, 1, "a", **counted(right, judged, rule)))


def covers(drawn, chance):
    soft = soft_label(drawn)
    return soft.low <= chance <= soft.high
