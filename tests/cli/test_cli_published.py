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
    ],
)
def test_what_is_wrong_with_a_command_is_said_without_running_it(line, said, capsys):
    assert said in fault_of(line.split())
    capsys.readouterr()


def test_labels_are_named_once(omega):
    for words in (["x", "--dataset", "y"], []):
        result = omega("train", "prm", *words, "-o", "out")
        assert result.exit_code == 2
        assert "give DATA or --dataset DATA" in result.stderr


def test_capitals_are_small_letters_where_the_option_has_none():
    assert fault_of(["eval", "guided", "q", "--PRM", "p", "-o", "out"]) == ""
    assert "--NONE" in fault_of(["eval", "guided", "q", "--NONE", "p", "-o", "out"])
