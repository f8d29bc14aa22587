"""Tree search from Python: recorded trees, batches, every kind of answer, and what is refused."""

from __future__ import annotations

import doctest
import json
import random
from pathlib import Path

import numpy as np
import pytest

from omega_fast import errors
from omega_fast.search import mcts
from omega_fast.search.mcts import Answers, Forest, Leaves, MctsConfig
from tests.search.plain_mcts import CASES, Evaluation, Plain, random_tree, record

GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "golden" / "mcts.jsonl").read_text().splitlines()
]


def test_the_example_of_the_module_holds():
    assert doctest.testmod(mcts) == (0, doctest.testmod(mcts).attempted)
    assert doctest.testmod(mcts).attempted > 3


def test_the_recorded_trees_are_what_the_plain_program_makes():
    assert (
        json.loads(json.dumps([record(name, CASES[name], seed) for seed, name in enumerate(CASES)])) == GOLDEN
    )


def configured(core: dict) -> MctsConfig:
    select, fpu = core["select"], core["fpu"]
    return MctsConfig(
        rule=select["rule"],
        **{name: select[name] for name in ("base", "init", "weight") if name in select},
        fpu={"parent": "parent", "first": "first", "fixed": fpu.get("value")}[fpu["is"]],
        fpu_reduction=fpu.get("reduction", 0.0),
        backup=core["backup"]["rule"],
        simulations=core["simulations"],
        in_flight=core["in_flight"],
    )


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_selections_are_the_recorded_ones(case):
    forest = Forest(configured(case["config"]))
    (tree,) = forest.add_trees(1)
    selected = []

    def evaluate(leaves, answers):
        for leaf in range(len(leaves)):
            known = case["evaluations"][len(selected)]
            selected.append(leaves.prefix(leaf))
            answers.evaluated(
                leaves, leaf, known["value"], priors=known["priors"], terminal=known["terminal"]
            )

    # One at a time, so that leaves are evaluated in the order in which they were recorded.
    forest.run(evaluate, batch=1)
    assert selected == [known["path"] for known in case["evaluations"]]
    children = forest.children(tree)
    assert [child.visits for child in children] == [child["visits"] for child in case["root"]]
    assert [child.q for child in children] == pytest.approx([child["q"] for child in case["root"]])


def seen(seed: int, path: list[int]) -> Evaluation:
    return random_tree(seed)(tuple(path))


def table(forest: Forest, tree: int) -> list[tuple]:
    rows, stack = [], [((), None)]
    while stack:
        path, node = stack.pop()
        for child in forest.children(tree, node):
            rows.append(((*path, child.step), child.visits, child.values, child.q))
            if child.node is not None:
                stack.append(((*path, child.step), child.node))
    return sorted(rows)


def search(
    config: MctsConfig, trees: int, batch: int, order: random.Random | None = None
) -> list[list[tuple]]:
    forest = Forest(config)
    numbers = forest.add_trees(trees)

    def evaluate(leaves: Leaves, answers: Answers) -> None:
        rows = list(range(len(leaves)))
        if order:
            order.shuffle(rows)
        for leaf in rows:
            known = seen(leaves.trees[leaf], leaves.prefix(leaf))
            answers.evaluated(
                leaves, leaf, known.value, priors=known.priors, terminal=known.terminal, verdict=1.0
            )

    forest.run(evaluate, batch=batch)
    assert forest.is_done
    assert all(forest.in_flight(tree) == 0 for tree in numbers)
    return [table(forest, tree) for tree in numbers]


def test_batches_and_the_order_of_answers_change_nothing():
    config = MctsConfig(simulations=60, in_flight=5)
    expected = search(config, 40, 1)
    assert search(config, 40, 1_000, random.Random(1)) == expected
    assert search(config, 40, 7, random.Random(2)) == expected


def test_a_tree_is_what_the_plain_program_makes_of_it():
    for seed in range(8):
        config = {
            "select": {"rule": "puct", "base": 19652.0, "init": 1.25},
            "fpu": {"is": "parent", "reduction": 0.0},
            "backup": {"rule": "mean"},
            "simulations": 80,
            "in_flight": 4,
        }
        plain = Plain(config, random_tree(seed))
        plain.run()
        ours = search(configured(config), seed + 1, 64)[seed]
        assert {path: visits for path, visits, _, _ in ours if visits} == {
            path: node.visits for path, node in plain.nodes.items() if path and node.visits
        }


def test_columns_can_be_numpy_arrays():
    forest = Forest(MctsConfig(simulations=50))
    forest.add_trees(30)
    while len(leaves := forest.poll(1_000)):
        n = len(leaves)
        depth = np.diff(np.asarray(leaves.offsets))
        forest.answer_columns(
            trees=np.asarray(leaves.trees),
            sequences=np.asarray(leaves.sequences),
            kinds=(depth == 5).astype(np.uint8),
            values=depth.astype(np.float32) / 5,
            verdicts=np.empty(0, np.float32),
            offsets=np.arange(n + 1, dtype=np.uint32) * 3,
            ids=np.empty(0, np.uint32),
            priors=np.tile(np.array([0.5, 0.25, 0.25], np.float32), n),
        )
    assert forest.is_done
    assert [forest.simulations(tree) for tree in range(30)] == [50] * 30
    assert forest.root_value(0) == pytest.approx(forest.root_value(29))
    assert all(len(steps) == 5 and value == 1 for steps, value in forest.finished(3))


def test_widening_asks_for_more_steps_and_merges_those_it_has():
    forest = Forest(MctsConfig(widen=(1.0, 0.5), propose=True, max_depth=1, simulations=100))
    (tree,) = forest.add_trees(1)
    asked = []

    def evaluate(leaves, answers):
        for leaf in range(len(leaves)):
            if leaves.wants_proposals(leaf):
                asked.append(leaves.prefix(leaf))
                answers.proposed(leaves, leaf, [5, min(10, 5 + len(asked))])
            else:
                answers.evaluated(leaves, leaf, 0.5, steps=[5])

    forest.run(evaluate)
    assert asked == [[]] * 6
    assert [child.step for child in forest.children(tree)] == [5, 6, 7, 8, 9, 10]
    assert forest.simulations(tree) == 100


def test_lost_and_cancelled_requests_are_counted_nowhere():
    forest = Forest(MctsConfig(simulations=40, in_flight=4))
    (tree,) = forest.add_trees(1)
    fates = random.Random(3)

    def evaluate(leaves, answers):
        for leaf in range(len(leaves)):
            fate = fates.random() if leaves.prefix(leaf) else 1.0
            if fate < 0.2:
                answers.lost(leaves, leaf)
            elif fate < 0.4:
                answers.cancelled(leaves, leaf)
            else:
                answers.evaluated(leaves, leaf, fates.random(), priors=[0.2] * 5)

    forest.run(evaluate)
    children = forest.children(tree)
    assert forest.simulations(tree) == 40 == 1 + sum(child.values for child in children)
    assert all(child.visits == child.values for child in children)


def test_the_mean_over_roles_leaves_out_what_did_not_come():
    forest = Forest(MctsConfig(roles={"score": 1.0, "rollout": 3.0}, simulations=1))
    for tree, values, expected in [
        (0, [1.0, 0.0], 0.25),
        (1, [0.5, float("nan")], 0.5),
        (2, np.array([1, 1]), 1.0),
    ]:
        forest.add_trees(1)
        leaves, answers = forest.poll(), forest.answers()
        answers.evaluated(leaves, 0, values)
        forest.answer(answers)
        assert forest.root_value(tree) == expected


def test_a_search_goes_on_from_a_step_with_what_it_knows():
    forest = Forest(MctsConfig(simulations=200))
    (tree,) = forest.add_trees(1)

    def evaluate(leaves, answers):
        for leaf in range(len(leaves)):
            answers.evaluated(leaves, leaf, sum(leaves.prefix(leaf)) / 9, priors=[0.5, 0.3, 0.2])

    forest.run(evaluate)
    best = forest.best_line(tree)[0]
    known = {child.step: child for child in forest.children(tree)}[best]
    assert forest.advance(tree, best)
    assert (forest.simulations(tree), forest.root_value(tree)) == (known.values, known.q)
    forest.run(evaluate)
    assert forest.simulations(tree) == 200
    leaves = forest.poll()
    assert len(leaves) == 0
    forest.retire(tree)
    with pytest.raises(errors.OmegaError, match="question 0 is not open"):
        forest.best_line(tree)


@pytest.mark.parametrize("backup", ["mean", "max", "min", "released", "normalised"])
@pytest.mark.parametrize("fpu", ["parent", "first", -1.0])
@pytest.mark.parametrize("rule", ["puct", "uct"])
def test_every_rule_searches_to_the_end(rule, fpu, backup):
    config = MctsConfig(rule=rule, fpu=fpu, backup=backup, simulations=30, discount=0.9)
    assert sum(visits for path, visits, _, _ in search(config, 1, 8)[0] if len(path) == 1) == 29


def test_a_fused_back_up_needs_verdicts():
    forest = Forest(MctsConfig(backup="normalised"))
    forest.add_trees(1)
    leaves, answers = forest.poll(), forest.answers()
    answers.evaluated(leaves, 0, 0.5)
    with pytest.raises(errors.InputError, match="needs a verdict"):
        forest.answer(answers)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"simulations": 0}, "simulations: 0 is out of range"),
        ({"in_flight": 0}, "in_flight"),
        ({"roles": {}}, "values: no role values a leaf"),
        ({"rule": "best"}, "best"),
        ({"backup": "sum"}, "sum"),
        ({"fpu": float("nan")}, "configuration"),
        ({"widen": (0.0, 0.5)}, "widening.factor"),
        ({"backup": "normalised", "outcome_weight": 2.0}, "backup.fusion.outcome"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(changes, said):
    with pytest.raises(errors.ConfigError, match=said):
        Forest(MctsConfig(**changes))


def give(forest: Forest, leaves: Leaves, **given: object) -> None:
    answers = forest.answers()
    answers.evaluated(leaves, 0, **given)
    forest.answer(answers)


def test_answers_that_do_not_fit_are_refused_and_the_leaf_stays_in_flight():
    forest = Forest(MctsConfig(simulations=5))
    forest.add_trees(1)
    leaves = forest.poll()
    for given, said in [
        ({"value": [0.1, 0.2]}, "2 values for 1 roles"),
        ({"value": 0.1, "steps": [1, 2], "priors": [0.5]}, "2 steps and 1 priors"),
        ({"value": 0.1, "steps": [-1]}, "hint: steps are integers"),
        ({"value": 0.1, "steps": ["a"]}, "hint: steps are integers"),
        ({"value": float("nan")}, "at least one value"),
        ({"value": 0.1, "steps": [2**31]}, "below 2^31"),
        ({"value": 0.1, "priors": [-0.5]}, "priors must be finite"),
    ]:
        with pytest.raises(errors.InputError) as told:
            give(forest, leaves, **given)
        assert said in str(told.value)
        assert forest.in_flight(0) == 1
    other = Forest()
    other.add_trees(1)
    with pytest.raises(errors.InputError, match="1 leaves were given to `evaluate` and 0 answered"):
        other.run(lambda leaves, answers: None)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("sequences", np.zeros(2, np.uint32), "columns differ in length"),
        ("values", np.zeros(0, np.float32), "columns differ in length"),
        ("kinds", np.array([9], np.uint8), "9 is no kind of answer"),
        ("offsets", np.array([1, 0], np.uint32), "offsets must rise"),
        ("offsets", np.array([0, 5], np.uint32), "offsets must rise"),
        ("verdicts", np.zeros(3, np.float32), "verdicts must be one a request"),
        ("trees", np.zeros(1, np.int64), "give contiguous uint32"),
        ("kinds", np.zeros(1, np.float32), "give contiguous uint32"),
        ("priors", [0.5, 0.5], "give contiguous uint32"),
        ("sequences", np.array([4], np.uint32), "not in flight"),
        ("trees", np.array([4], np.uint32), "question 4 is not open"),
    ],
)
def test_columns_that_do_not_fit_are_refused(column, value, said):
    forest = Forest()
    forest.add_trees(1)
    forest.poll()
    columns = {
        "trees": np.zeros(1, np.uint32),
        "sequences": np.zeros(1, np.uint32),
        "kinds": np.zeros(1, np.uint8),
        "values": np.zeros(1, np.float32),
        "verdicts": np.zeros(0, np.float32),
        "offsets": np.array([0, 2], np.uint32),
        "ids": np.zeros(0, np.uint32),
        "priors": np.full(2, 0.5, np.float32),
    }
    with pytest.raises(errors.OmegaError, match=said):
        forest.answer_columns(**columns | {column: value})
    forest.answer_columns(**columns)
    assert forest.simulations(0) == 1


def test_polls_and_prefixes_agree():
    forest = Forest(MctsConfig(in_flight=16, simulations=100))
    assert list(forest.add_trees(0)) == []
    assert list(forest.add_trees(2)) == [0, 1]
    leaves = forest.poll(1)
    assert (len(leaves), leaves.prefix(0), leaves.wants_proposals(0)) == (1, [], False)
    assert len(forest.poll(0)) == 0
    rest = forest.poll()
    assert list(rest.trees) == [1]
