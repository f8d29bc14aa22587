"""The recipes that come with the package: they can be read, and every command in them is one."""

from pathlib import Path

import pytest

from omega_fast.cli.parsing import fault_of
from omega_fast.pipeline.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("name", ["grounded_prm.yaml"])
def test_its_commands_are_known_and_rest_on_what_earlier_ones_make(name):
    recipe = read_recipe(RECIPES / name)
    folders = {each.name: Path("out") / each.name for each in recipe.stages}
    for stage in recipe.stages:
        words = stage.words({**folders, "here": folders[stage.name]})
        assert fault_of(stage.omega_words(words)) == "", stage.name
