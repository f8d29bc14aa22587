import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Omega = Callable[..., Any]
TRL = '{"prompt": "Q", "completions": ["a", "b"], "labels": [true, false]}\n'


@pytest.fixture
def trl(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text(TRL)
    return path


def test_convert_says_what_it_did(omega: Omega, trl: Path) -> None:
    result = omega("convert", str(trl), "out.csv", "--to", "steps", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {
        "path": "out.csv",
        "from": "trl",
        "to": "steps",
        "rows": 2,
        "quarantined": 0,
        "quarantine": None,
    }
    assert Path("out.csv").read_text().startswith('"prefix","step","value"\n"Q","a\n')


def test_rows_that_cannot_be_used_make_a_conversion_partial(omega: Omega, trl: Path) -> None:
    trl.write_text(TRL + "{\n")
    result = omega("convert", str(trl), "out.jsonl", "--to", "verl", "--from", "trl")
    assert result.exit_code == 3
    assert "1 row could not be used: see out.jsonl.quarantine.jsonl" in result.stderr


@pytest.mark.parametrize("wrong", [("--to", "what"), ("--to", "tree"), ("--to", "verl", "--from", "what")])
def test_formats_that_do_not_fit_are_mistakes_of_usage(
    omega: Omega, trl: Path, wrong: tuple[str, ...]
) -> None:
    assert omega("convert", str(trl), "out.jsonl", *wrong).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        ("convert", "absent.jsonl", "out.jsonl", "--to", "trl"),
        ("import", "absent.jsonl", "-o", "out.jsonl"),
        ("merge", "out.jsonl", "absent.jsonl"),
        ("split", "--input-file", "absent.jsonl", "--output-dir", "parts", "--num-splits", "2"),
    ],
)
def test_a_file_that_is_not_there_is_a_mistake_of_usage(omega: Omega, command: tuple[str, ...]) -> None:
    result = omega(*command)
    assert result.exit_code == 2
    assert "cannot read absent.jsonl: No such file or directory" in result.stderr
    assert "hint: check the path" in result.stderr


def test_import_points_at_missing_answers(omega: Omega, trl: Path) -> None:
    result = omega("import", str(trl), "-o", "run.jsonl", "--separator", r"\n")
    assert result.exit_code == 0
    assert "1 question has no gold answer: import from a format that keeps it" in result.stderr
    assert "verl, tree or prm800k, or annotate with --gold majority" in result.stderr
    assert json.loads(Path("run.jsonl").read_text())["solutions"][0]["steps"] == ["a\n", "b"]


def test_the_published_splitters_flags_are_taken_as_they_are(omega: Omega) -> None:
    Path("questions.json").write_text(json.dumps([{"problem": str(number)} for number in range(20)]))
    published = "split --input_file questions.json --output_dir output_directory --num_splits 8"
    result = omega(*published.split(), "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["sizes"] == [3, 3, 3, 3, 2, 2, 2, 2]
    assert len(list(Path("output_directory").iterdir())) == 8


def test_merge_puts_parts_together_and_refuses_common_questions(omega: Omega, trl: Path) -> None:
    trl.with_name("b.jsonl").write_text(TRL.replace("Q", "R"))
    assert omega("merge", "all.jsonl", "in.jsonl", "b.jsonl").exit_code == 0
    assert Path("all.jsonl").read_text().count("\n") == 2
    refused = omega("merge", "again.jsonl", "in.jsonl", "all.jsonl")
    assert refused.exit_code == 2
    assert "--duplicates drop those of the first part alone" in refused.stderr
    dropped = omega("merge", "again.jsonl", "in.jsonl", "all.jsonl", "--duplicates", "drop", "--json")
    assert json.loads(dropped.stdout) == {"path": "again.jsonl", "rows": 2, "dropped": 1}


def test_solutions_an_export_cannot_carry_make_it_partial(
    omega: Omega, jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omega_fast.summary import ExportSummary

    monkeypatch.setattr(jobs, "export", lambda run, **asked: ExportSummary(Path("x.jsonl"), 4, refused=2))
    result = omega("export", "runs/a", "--format", "rlhflow")
    assert result.exit_code == 3
    assert "left out: 2 solutions, for rlhflow cannot tell their parts apart" in result.stderr


def test_an_export_without_rows_says_so(omega: Omega, jobs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from omega_fast.summary import ExportSummary

    monkeypatch.setattr(jobs, "export", lambda run, **asked: ExportSummary(Path("x.jsonl"), 0))
    result = omega("export", "runs/a", "--format", "dpo")
    assert result.exit_code == 0
    assert "no row was written: no finished question has a label that this format takes" in result.stderr
