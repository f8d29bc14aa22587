"""Every selection of the search is that of a plain program that has UCT at every depth."""

from __future__ import annotations

import asyncio

import pytest

from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.searching import Found, TreeNode, search
from tests.grounded.plain_search import Path, Plain, World, problem

ROUNDS = 60


def searched(seed: int, **chosen: float) -> tuple[Found, Plain]:
    world = World(seed)
    settings = SearchSettings(rounds=ROUNDS, depth=6, enough=10_000, **chosen)  # type: ignore[arg-type]
    found = asyncio.run(search(problem(seed), settings, world, world, lambda _, answer: answer == "1"))
    plain = Plain(world, ROUNDS, 6, **chosen)  # type: ignore[arg-type]
    plain.run()
    return found, plain


def visited(found: Found) -> dict[Path, tuple[int, float]]:
    table: dict[Path, tuple[int, float]] = {}

    def walk(node: TreeNode, above: Path) -> None:
        path = (*above, node.step)
        table[path] = node.visits, node.value
        for child in node.children:
            walk(child, path)

    for root in found.roots:
        walk(root, ())
    return table


@pytest.mark.parametrize("seed", range(12))
def test_visits_and_values_of_every_node_are_those_of_the_plain_program(seed: int) -> None:
    found, plain = searched(seed)
    table = visited(found)
    expected = {path: node.values for path, node in plain.nodes.items() if path and node.values}
    assert {path: visits for path, (visits, _) in table.items()} == {
        path: len(values) for path, values in expected.items()
    }
    for path, (_, value) in table.items():
        assert value == pytest.approx(sum(expected[path]) / len(expected[path]), abs=1e-5)
    assert max(map(len, table)) > 2


def test_the_weight_in_uct_decides_how_evenly_the_steps_are_tried() -> None:
    most = {}
    for weight in (0.05, 20.0):
        found, plain = searched(3, exploration=weight)
        table = visited(found)
        assert {path: visits for path, (visits, _) in table.items()} == {
            path: len(node.values) for path, node in plain.nodes.items() if path and node.values
        }
        most[weight] = max(visits for path, (visits, _) in table.items() if len(path) == 1)
    assert most[0.05] > 0.8 * ROUNDS
    assert most[20.0] < 0.5 * ROUNDS
