"""The flags of the published scripts: every command that docs/gflownet.md names is one that omega takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from omega_fast.cli.parsing import fault_of

ROOT = Path(__file__).parents[2]


def commands(page: str) -> list[str]:
    """The commands in the tables' last column and in code blocks of a page."""
    text = (ROOT / page).read_text()
    rows = re.findall(r"\| `(omega [^`]*)` \|$", text, re.MULTILINE)
    blocks = re.findall(r"^(omega [^\n#]*)", text, re.MULTILINE)
    return [*rows, *blocks]


@pytest.mark.parametrize("line", commands("docs/gflownet.md"))
def test_commands_in_the_documents_are_taken(line):
    assert fault_of(shlex.split(line)[1:]) == ""


def test_all_the_published_scripts_are_there():
    text = (ROOT / "docs/gflownet.md").read_text()
    scripts = [
        "seed.py",
        "run_mcts.py",
        "data_augmentation.py",
        "PRM_Finetuning.py",
        "Guided_Search.py",
        "main.py",
    ]
    assert [each for each in scripts if each not in text] == []
    assert len(commands("docs/gflownet.md")) >= len(scripts)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("seeds --limit 3", "no command 'seeds'"),
        ("train", "no command ''"),
        ("train prn x", "no command 'prn'"),
        ("seed --limits 3", "--limits"),
        ("augment runs/a --similarity-threshold high", "valid number"),
        ("augment runs/a --similarity-threshold 2", "less than or equal to 1"),
        ("train prm data", "--output"),
        ("annotate a b", "unexpected extra argument"),
        ("seed --model", "requires an argument"),
        ("seed --help", "only tells its help"),
        ("annotate --question-file ledger --num-rollouts many", "num_rollouts 'many' from the command line"),
        ("annotate --question-file ledger --num-rollouts -1", "greater than or equal to 1"),
        ("annotate --question-file ledger --preset nope", "no preset 'nope'"),
        ("annotate x --model m --temperature 0", "temperature 0 makes all draws from a state the same"),
        ("seed --num-samples 3 --num-rollouts 4", "say the same"),
        ("train prm data -o x --learning-rate fast", "learning_rate cannot be 'fast'"),
        ("train prm data -o x --head probe --loss ce", "loss ce needs two classes"),
        ("train gflownet ledger -o x --objective zz", "objective cannot be 'zz'"),
        ("train gflownet ledger -o x --prm-slots 3", "prm_slots is given, but no server is"),
        ("eval guided ledger -o x --method moon --prm p", "no method 'moon'"),
        ("eval guided ledger -o x --method beam --n 3 --prm p", "n 3 is no multiple of beam_width 4"),
        ("eval guided ledger -o x --method beam", "needs a process reward model"),
        ("eval best-of-n f -o x --aggregation moon", "'moon' is not one of last, min"),
        ("eval processbench f -o x --dtype float8", "no dtype 'float8'"),
        ("eval ledger-sets -o x --rows 3", "greater than or equal to 4"),
        ("eval policy ledger -o x --seeds 0,a", "'0,a' are no integers"),
        ("eval policy questions.jsonl -o x", "no policy is named"),
        ("serve --policy m --policy-port 0", "policy_port: input should be greater"),
        ("serve --policy m --run 'omega train prm d -o x --head moon'", "head cannot be 'moon'"),
        ("serve --policy m --run 'omega nothing'", "no command 'nothing'"),
    ],
)
def test_what_is_wrong_with_a_command_is_said_without_running_it(line, said, capsys):
    assert said in fault_of(shlex.split(line))
    capsys.readouterr()


@pytest.mark.parametrize(
    "line",
    [
        "annotate made/later.jsonl --preset ledger --model made/later --trust-remote-code",
        "annotate made/later.jsonl --recipe made/later.yaml",
        "annotate made/later.jsonl --preset auto --model made/later",
        "eval guided made/later.jsonl --model made/later --prm made/later --search-config made/later.yaml",
        "eval policy made/later.jsonl --policy a=made/later",
        "serve --policy made/later --run 'omega eval guided made/later.jsonl --model m --method best_of_n'",
        "serve --policy made/later --run 'omega --version' --run 'anything --at all'",
    ],
)
def test_files_that_earlier_commands_make_are_not_looked_for(line):
    assert fault_of(shlex.split(line)) == ""


def test_settings_in_a_file_that_is_there_are_looked_at(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("num_rollouts: many")
    said = fault_of(["annotate", "--question-file", "ledger", "--recipe", str(recipe)])
    assert f"num_rollouts 'many' from recipe {recipe}" in said


def test_a_command_that_is_only_checked_does_nothing_and_the_next_one_runs(omega, tmp_path):
    assert fault_of(["grounded", "init", str(tmp_path / "copy.yaml")]) == ""
    assert not (tmp_path / "copy.yaml").exists()
    assert omega("grounded", "init", str(tmp_path / "copy.yaml")).exit_code == 0
    assert (tmp_path / "copy.yaml").exists()


def test_labels_are_named_once(omega):
    for words in (["x", "--dataset", "y"], []):
        result = omega("train", "prm", *words, "-o", "out")
        assert result.exit_code == 2
        assert "give DATA or --dataset DATA" in result.stderr


def test_capitals_are_small_letters_where_the_option_has_none():
    assert fault_of(["eval", "guided", "ledger", "--PRM", "p", "-o", "out"]) == ""
    assert "--NONE" in fault_of(["eval", "guided", "q", "--NONE", "p", "-o", "out"])
