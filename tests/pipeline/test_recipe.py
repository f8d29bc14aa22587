from pathlib import Path

import pytest

from omega_fast.errors import ConfigError
from omega_fast.pipeline.recipe import Reference, read_recipe

TWO = """
title: two stages
variables: {limit: 3, name: a b, loud: true}
stages:
  - name: first
    run: omega seed --limit ${limit} -o ${here}/run --output ${here}/seed.jsonl
    outputs: [seed.jsonl, run/log]
  - name: second
    run: omega annotate --dataset ${first}/seed.jsonl -o ${here}/run --verifier x:${name} --chat ${loud}
    outputs: [run/log]
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return write


def test_variables_are_put_into_words_and_never_make_new_ones(write):
    recipe = read_recipe(write(TWO))
    assert recipe.stages[0].command[:4] == ("omega", "seed", "--limit", "3")
    assert "x:a b" in recipe.stages[1].command
    assert recipe.stages[1].command[-1] == "true"


def test_variables_can_be_set_and_unknown_ones_are_refused(write):
    assert "9" in read_recipe(write(TWO), {"limit": "9"}).stages[0].command
    with pytest.raises(ConfigError, match="limits is no variable") as caught:
        read_recipe(write(TWO), {"limits": "9"})
    assert "limit, name, loud" in caught.value.hint


def test_a_value_with_a_dollar_sign_stays_as_it_is(write):
    stage = read_recipe(write(TWO), {"name": "${first}"}).stages[1]
    folders = {"first": Path("F"), "second": Path("S"), "here": Path("S"), "recipe": Path("R")}
    assert "x:${first}" in stage.words(folders)
    assert stage.references() == [Reference("first", Path("seed.jsonl"))]


def test_folders_are_put_in_when_a_stage_is_run(write):
    second = read_recipe(write(TWO)).stages[1]
    words = second.words({"first": Path("out/first"), "here": Path("out/second")})
    assert words[3] == "out/first/seed.jsonl"
    assert "out/second/run" in words


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("${first}/seed.jsonl", "${first}/other.jsonl", "not among its outputs"),
        ("${first}/seed.jsonl", "${third}/seed.jsonl", "no earlier stage and no variable"),
        ("${first}/seed.jsonl", "${second}/seed.jsonl", "no earlier stage"),
        ("name: second", "name: first", "taken already"),
        ("name: second", "name: limit", "taken already"),
        ("name: second", "name: here", "taken already"),
        ("name: second", "name: stages", "taken already"),
        ("name: second", "name: ../x", "is no name"),
        ("run: omega annotate", "run: rm -r", "no omega command"),
        ("run: omega annotate", "run: accelerate launch annotate", "no omega command"),
        ("    outputs: [run/log]", "    outputs: []", "stages.second.outputs"),
        ("    outputs: [run/log]", "", "stages.second.outputs: field required"),
        ("    outputs: [run/log]", "    outputs: [../../etc]", "leads out of its folder"),
        ("    outputs: [run/log]", "    outputs: [/etc/passwd]", "leads out of its folder"),
        (
            "    outputs: [run/log]",
            "    outputs: [run/log]\n    plots: [../a.svg]",
            "leads out of its folder",
        ),
        ("    outputs: [run/log]", "    outputs: [run/log]\n    colour: red", "stages.second.colour"),
        ("-o ${here}/run --ver", "-o '${here}/run --ver", "cannot be read"),
        ("title: two stages", "", "title"),
        ("title: two stages", "title: [1]", "title"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_with_its_place(write, old, new, said):
    assert old in TWO
    head, _, tail = TWO.rpartition(old)
    with pytest.raises(ConfigError, match=r"recipe\.yaml") as caught:
        read_recipe(write(head + new + tail))
    assert said in str(caught.value)


def test_a_recipe_without_stages_is_refused(write):
    with pytest.raises(ConfigError, match="stages"):
        read_recipe(write("title: nothing\nstages: []\n"))


def test_a_stage_may_take_a_folder_around_what_is_declared_or_a_file_in_it(write):
    text = TWO.replace("${first}/seed.jsonl", "${first}/run").replace(
        "--verifier", "--price-file ${first}/run/log/1"
    )
    recipe = read_recipe(write(text))
    assert [str(each) for each in recipe.stages[1].needs(recipe.stages[0])] == ["run/log"]


def test_a_name_that_begins_like_another_is_not_in_it(write):
    with pytest.raises(ConfigError, match="not among its outputs"):
        read_recipe(write(TWO.replace("${first}/seed.jsonl", "${first}/run/logs")))


def test_launchers_start_this_package(write):
    text = TWO.replace(
        "run: omega annotate", "run: accelerate launch --num_processes 8 -m omega_fast annotate"
    )
    stage = read_recipe(write(text)).stages[1]
    assert stage.omega_words(stage.command)[:2] == ["annotate", "--dataset"]


def test_inputs_from_outside_may_lie_beside_the_recipe(write, tmp_path):
    text = TWO.replace(
        "    outputs: [run/log]", "    inputs: ['${recipe}/data.jsonl']\n    outputs: [run/log]"
    )
    assert read_recipe(write(text)).stages[1].inputs == (f"{tmp_path}/data.jsonl",)


def test_comments_and_line_breaks_in_a_command_mean_nothing(write):
    text = """
title: t
stages:
  - name: one
    run: |
      omega seed   # draws
        --limit 3
    outputs: [a]
"""
    assert read_recipe(write(text)).stages[0].command == ("omega", "seed", "--limit", "3")


def test_dollars_are_written_twice(write):
    text = "title: t\nstages:\n  - name: one\n    run: omega seed --end '^a$$' --b '$x'\n    outputs: [a]\n"
    assert read_recipe(write(text)).stages[0].words({})[3:] == ["^a$", "--b", "$x"]
