"""Benchmarks of the embedded task: exact labels, published formats, equal files for equal seeds."""

from __future__ import annotations

import json

import pytest

from omega_fast.eval.ledger_sets import (
    LENGTHS,
    corrupted_rows,
    prmbench_rows,
    processbench_rows,
    subset_questions,
)
from omega_fast.eval.rows import read_prmbench, read_processbench
from omega_fast.eval.sample_files import read_samples
from omega_fast.jobs import eval_best_of_n, eval_prmbench, eval_processbench, make_ledger_sets
from omega_fast.store.formats import PROCESSBENCH
from omega_fast.tasks.ledger import CorruptionKind, first_error, gold_answer, truth
from tests.eval.stubs import Constant, read

KINDS = [kind.value for kind in CorruptionKind]


@pytest.fixture(scope="module", params=["plain", "story"])
def sets(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    made = make_ledger_sets(folder, rows=12, questions=1, samples=2, seed=5, skin=request.param)
    assert json.loads((folder / "sets.json").read_text())["skin"] == request.param
    return folder, made


def test_every_set_is_there_and_counted(sets):
    folder, made = sets
    told = json.loads((folder / "sets.json").read_text())
    assert told["sizes"] == dict(made.sizes)
    for name, size in made.sizes.items():
        content = (folder / name).read_text()
        assert size == (len(json.loads(content)) if name.endswith(".json") else len(content.splitlines()))
    assert [made.sizes[f"best-of-n/operations-{n}.jsonl"] for n in LENGTHS] == [1] * 7


def test_labels_are_the_truth_and_half_of_the_rows_are_right(sets):
    folder, _ = sets
    for split in ("validation", "test", "long"):
        rows = list(read_processbench(folder / f"processbench/{split}.json", pytest.fail))
        assert {row.subset for row in rows} == {split}
        assert sum(row.label < 0 for row in rows) == 6
        assert all(first_error(row.problem, row.steps) == row.label for row in rows)
    written = json.loads((folder / "processbench/test.json").read_text())
    assert {row["generator"] for row in written} >= {"policy", *KINDS[:3]}
    for row in written:
        right = row["steps"][-1] == f"answer {gold_answer(row['problem'])}"
        assert row["final_answer_correct"] == right


def test_the_format_of_the_package_reads_them(sets):
    folder, _ = sets
    assert len(list(PROCESSBENCH.read(folder / "processbench/long.json"))) == 12


def test_held_out_lengths_are_longer_than_any_of_training(sets):
    folder, _ = sets
    rows = list(read_processbench(folder / "processbench/long.json", pytest.fail))
    statements = [row.problem.count(" . ") - 2 for row in rows]
    assert min(statements) > 6


def test_planted_errors_are_the_first_ones_and_beside_them_stands_a_right_solution(sets):
    folder, _ = sets
    rows = read(folder / "prmbench.jsonl")
    assert {row["classification"] for row in rows} == set(KINDS)
    for row in rows:
        assert first_error(row["question"], row["original_process"]) == -1
        assert first_error(row["question"], row["modified_process"]) == row["error_steps"][0] - 1
    assert len(list(read_prmbench(folder / "prmbench.jsonl", pytest.fail))) == len(rows)


def test_samples_carry_their_exact_truth(sets):
    folder, _ = sets
    for operations in LENGTHS:
        (found,) = read_samples(folder / f"best-of-n/operations-{operations}.jsonl", pytest.fail)
        assert found.question.meta["operations"] == operations
        (row,) = read(folder / f"best-of-n/operations-{operations}.jsonl")
        for response, solution in zip(row["responses"], found.question.solutions, strict=True):
            lines = solution.text.splitlines()
            assert response["first_error"] == truth(found.question, lines)
            assert solution.correct == (lines[-1] == f"answer {found.question.answer}")


def test_equal_seeds_make_equal_files_and_others_others(sets, tmp_path):
    folder, made = sets
    skin = json.loads((folder / "sets.json").read_text())["skin"]
    make_ledger_sets(tmp_path / "again", rows=12, questions=1, samples=2, seed=5, skin=skin)
    for name in made.sizes:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    asked = subset_questions("test", 1, seed=5)
    assert list(prmbench_rows(asked, seed=5)) != list(prmbench_rows(asked, seed=6))


def test_the_evaluations_take_them_as_they_are(sets, tmp_path):
    folder, _ = sets
    bench = [folder / f"processbench/{split}.json" for split in ("validation", "test", "long")]
    found = eval_processbench(bench, scorer=Constant(), output=tmp_path / "1", threshold_subset="validation")
    assert (found.rows, found.quarantined) == (36, 0)
    found = eval_prmbench([folder / "prmbench.jsonl"], scorer=Constant(), output=tmp_path / "2")
    assert found.quarantined == 0
    files = [folder / f"best-of-n/operations-{n}.jsonl" for n in LENGTHS]
    found = eval_best_of_n(files, scorer=Constant(), output=tmp_path / "3", separator="\n")
    assert (found.rows, found.quarantined, found.results["unscored"]) == (7, 0, 0)
    flags = [response["correct"] for file in files for response in read(file)[0]["responses"]]
    assert found.results["pass"]["1"]["value"] == pytest.approx(sum(flags) / len(flags))


def test_solutions_that_stop_early_are_no_rows_and_right_ones_fill_up():
    asked = subset_questions("test", 8, seed=0)
    drawn = [[["a x 1 + 1 = 2\n"][:0]] for _ in asked]
    rows = list(processbench_rows("test", 8, asked, drawn, seed=0))
    assert [row["generator"] for row in rows].count("reference") == 4
    assert [row["generator"] for row in rows].count("policy") == 0
    assert all(first_error(row["problem"], row["steps"]) == row["label"] for row in rows)


def test_kinds_of_planted_errors_take_turns():
    asked = subset_questions("test", 30, seed=0)
    kinds = [row["generator"] for row in corrupted_rows(asked, 10, seed=0)]
    assert kinds == KINDS * 2
    assert len(list(prmbench_rows(asked[:4], seed=0))) >= 4 * 4
