"""`omega pipeline` with real commands that need no model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RECIPE = """
title: Roots of the embedded task
variables: {most: 2}
stages:
  - name: roots
    about: conditions and an objective
    run: omega grounded root --task-file-path ledger --max-files ${most} -o ${here}/root.json
    outputs: [root.json]
    show: {roots: roots}
  - name: template
    run: omega grounded init ${here}/copy.yaml
    inputs: [data.txt]
    outputs: [copy.yaml]
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    (tmp_path / "data.txt").write_text("data")
    return path


def test_a_recipe_is_run_once_and_told(omega, recipe, tmp_path):
    first = omega("pipeline", str(recipe), "-o", "out", "--json")
    assert first.exit_code == 0, first.stderr
    said = json.loads(first.stdout)
    assert (said["ran"], said["failed"]) == (["roots", "template"], "")
    assert len(json.loads((tmp_path / "out/roots/root.json").read_text())) == 2
    assert "| roots | 2 |" in Path(said["page"]).read_text()
    again = json.loads(omega("pipeline", str(recipe), "-o", "out", "--json").stdout)
    assert (again["ran"], again["done"]) == ([], ["roots", "template"])


def test_another_value_of_a_variable_is_a_conflict_unless_it_is_made_anew(omega, recipe):
    assert omega("pipeline", str(recipe), "-o", "out", "--until", "roots").exit_code == 0
    refused = omega("pipeline", str(recipe), "-o", "out", "--set", "most=3")
    assert refused.exit_code == 5
    assert "its command has 3 where it had 2" in refused.stderr
    anew = omega("pipeline", str(recipe), "-o", "out", "--set", "most=3", "--anew", "--json")
    assert json.loads(anew.stdout)["ran"] == ["roots", "template"]
    assert Path("out/before/roots-1/root.json").exists()


def test_a_stage_that_fails_gives_its_exit_code_and_what_it_said(omega, recipe, capfd):
    recipe.write_text(RECIPE.replace("${here}/copy.yaml", "no/such/folder/copy.yaml"))
    result = omega("pipeline", str(recipe), "-o", "out")
    assert result.exit_code == 2
    assert "stage template ended with exit code 2" in result.stderr
    assert "cannot write no/such/folder/copy.yaml" in capfd.readouterr().err
    recipe.write_text(RECIPE)
    assert omega("pipeline", str(recipe), "-o", "out").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "most"], "says no value"),
        (["--set", "least=1"], "least is no variable"),
        (["--until", "x"], "no stage 'x'"),
    ],
)
def test_wrong_words_are_refused(omega, recipe, words, said):
    result = omega("pipeline", str(recipe), "-o", "out", *words)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_wrong_flag_in_the_last_stage_is_told_before_the_first_runs(omega, recipe):
    recipe.write_text(RECIPE.replace("grounded init", "grounded init --colour red"))
    result = omega("pipeline", str(recipe), "-o", "out")
    assert result.exit_code == 2
    assert "stage template is wrong" in result.stderr
    assert "--colour" in result.stderr
    assert not Path("out/roots").exists()


def test_a_wrong_value_of_a_variable_is_told_before_the_first_stage_runs(omega, recipe):
    recipe.write_text(
        RECIPE.replace("{most: 2}", "{most: 2, rate: 1e-3}")
        + "  - {name: train, run: 'omega train prm ${roots}/root.json -o ${here}/prm --learning-rate ${rate}',"
        " outputs: [prm]}\n"
    )
    result = omega("pipeline", str(recipe), "-o", "out", "--set", "rate=fast")
    assert result.exit_code == 2
    assert (
        f"{recipe}: the command of stage train is wrong: setting learning_rate cannot be 'fast'"
        in result.stderr
    )
    assert not Path("out").exists()
    assert omega("pipeline", str(recipe), "-o", "out", "--until", "template").exit_code == 0


def test_shipped_recipes_can_be_read_and_all_their_commands_parsed():
    from omega_fast.cli.parsing import fault_of
    from omega_fast.pipeline.recipe import read_recipe

    found = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
    assert found
    for path in found:
        recipe = read_recipe(path)
        folders = {each.name: Path("out") / each.name for each in recipe.stages}
        for stage in recipe.stages:
            words = stage.words({**folders, "here": Path("out"), "recipe": path.parent})
            assert fault_of(stage.omega_words(words)) == "", (path, stage.name)


def test_a_search_of_omega_grounded_does_not_write_between_files_of_others(omega, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    refused = omega("grounded", "search", "--root-dir", "root", "-o", str(foreign))
    assert (refused.exit_code, [each.name for each in foreign.iterdir()]) == (5, ["notes.txt"])
    assert "holds no search of omega grounded" in refused.stderr
    assert "hint: name a new or an empty folder" in refused.stderr
