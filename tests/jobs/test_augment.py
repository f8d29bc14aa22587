"""The three-column set of a run: labelled states as they are, further steps by their groups."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.jobs import augment, export
from omega_fast.search.projection import read_artifacts
from omega_fast.store.formats import STEPS, StepRow
from omega_fast.store.formats.flat import join_question
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("augment") / "run"
    annotated(path, asked=questions(8), rollout_budget=60, max_search_count=8)
    return path


def written(run: Path, output: Path, **options: Any) -> list[StepRow]:
    augment(run, output=output, **options)
    return list(STEPS.read(output))


def whole_solutions(run: Path) -> list[tuple[str, list[str], bool]]:
    return [
        (
            tree.question.problem,
            (tree.prefix(each.node) + each.text).splitlines(keepends=True),
            each.verdict == "correct",
        )
        for tree in read_artifacts(run)
        for each in tree.rollouts
    ]


def judged(path: Path, run: Path, label: Any) -> Path:
    """A file of judgements on all rollouts, by a function of their steps."""
    rows = [
        {
            "id": "x",
            "generator": "policy",
            "problem": problem,
            "steps": [step.strip() for step in steps],
            "final_answer_correct": right,
            "label": label(steps, right),
        }
        for problem, steps, right in whole_solutions(run)
    ]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def first_bad(steps: list[str], right: bool) -> int:
    bad = [number for number, step in enumerate(steps) if "bad" in step]
    return bad[0] if bad else -1 if right else len(steps) - 1


def test_what_the_search_labelled_keeps_its_value(run, tmp_path):
    export(run, format="steps", output=tmp_path / "states.csv")
    states = list(STEPS.read(tmp_path / "states.csv"))
    rows = written(run, tmp_path / "rows.csv")
    assert [row for row in rows if row in states] == sorted(states, key=rows.index)
    assert len(rows) > len(states)


def test_every_row_is_the_beginning_of_a_rollout_and_comes_once(run, tmp_path):
    rows = written(run, tmp_path / "rows.jsonl")
    known = set()
    for problem, steps, _ in whole_solutions(run):
        prefix = ""
        for step in steps:
            known.add((join_question(problem, prefix), step))
            prefix += step
    assert {(row.prefix, row.step) for row in rows} == known
    assert len(rows) == len(known)


def test_the_counts_add_up(run, tmp_path):
    done = augment(run, output=tmp_path / "rows.csv", min_rollouts=3)
    assert sum(done.rows.values()) == done.states + done.added
    assert done.groups == done.all_right + done.all_wrong + done.mixed
    assert done.rollouts == len(whole_solutions(run))
    assert done.thin > 0
    assert (
        sum(augment(run, output=tmp_path / "all.csv").rows.values()) == done.states + done.added + done.thin
    )


def test_the_same_run_makes_the_same_bytes(run, tmp_path):
    for name in ("a.csv", "b.csv"):
        augment(run, output=tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_every_kind_of_file_has_the_same_rows(run, tmp_path, suffix):
    assert written(run, tmp_path / f"rows{suffix}") == written(run, tmp_path / "other.jsonl")


def test_parts_share_no_question_and_are_the_whole(run, tmp_path):
    whole = written(run, tmp_path / "rows.jsonl")
    done = augment(run, output=tmp_path / "parts.jsonl", shares="train=0.6,test=0.4")
    train, test = (list(STEPS.read(Path(path))) for path in done.rows)
    assert [Path(path).name for path in done.rows] == ["parts_train.jsonl", "parts_test.jsonl"]
    assert len(train) + len(test) == len(whole)
    assert {row.prefix for row in train}.isdisjoint(row.prefix for row in test)


def test_supplied_solutions_do_not_count(tmp_path):
    annotated(tmp_path / "run", asked=questions(4, solutions=3), solutions="seed", rollout_budget=60)
    done = augment(tmp_path / "run", output=tmp_path / "rows.csv")
    assert done.left_out == 4 * 3


def test_the_step_that_the_token_limit_tore_off_is_no_row(tmp_path):
    engine = FakeEngine(Knobs(truncates=lambda request: request.seed % 4 == 0))
    annotated(tmp_path / "run", engine, questions(4), max_search_count=0)
    torn = [
        (tree.question.problem, each.text)
        for tree in read_artifacts(tmp_path / "run")
        for each in tree.rollouts
        if each.verdict == "truncated"
    ]
    assert torn
    rows = written(tmp_path / "run", tmp_path / "rows.jsonl")
    whole = {
        row.prefix + "\n\n" + row.step if "\n\n" not in row.prefix else row.prefix + row.step for row in rows
    }
    for problem, text in torn:
        assert join_question(problem, text) not in whole


def test_a_judge_who_agrees_with_everything_located_keeps_it(run, tmp_path):
    done = augment(
        run, output=tmp_path / "rows.csv", consensus=judged(tmp_path / "judged.jsonl", run, first_bad)
    )
    assert done.consensus["kept"] > 0
    assert set(done.consensus["rejected"]) >= {"judge_finds_an_earlier_error"}
    assert done.disputed > 0
    assert sum(done.rows.values()) + done.disputed == len(written(run, tmp_path / "all.csv"))


def test_steps_stay_only_where_the_judge_agrees_on_the_first_error(run, tmp_path):
    rows = written(run, tmp_path / "rows.csv", consensus=judged(tmp_path / "judged.jsonl", run, first_bad))
    for row in rows:
        assert "bad" not in row.prefix
        if row.value == 0:
            assert "bad" in row.step or row.step.startswith("answer")


def test_a_judge_who_finds_no_errors_leaves_right_solutions_alone(run, tmp_path):
    path = judged(tmp_path / "judged.jsonl", run, lambda *_: -1)
    done = augment(run, output=tmp_path / "rows.csv", consensus=path)
    assert done.consensus["rejected"]["judge_finds_no_error_there"] > 0
    assert all(row.value > 0 for row in STEPS.read(tmp_path / "rows.csv"))


def test_a_second_run_may_be_the_judge(run, tmp_path):
    done = augment(run, output=tmp_path / "rows.csv", consensus=run)
    assert done.consensus["kept"] > 0
    assert done.consensus["agreement"] == 1


def test_three_columns_are_no_judgements(run, tmp_path):
    augment(run, output=tmp_path / "rows.csv")
    with pytest.raises(ConfigError, match="does not tell whole solutions"):
        augment(run, output=tmp_path / "other.csv", consensus=tmp_path / "rows.csv")


def test_a_file_of_another_kind_is_refused(run, tmp_path):
    with pytest.raises(InputError, match=r"cannot be written to rows\.txt"):
        augment(run, output=tmp_path / "rows.txt")


def test_steps_of_so_many_tokens_are_refused(tmp_path):
    annotated(tmp_path / "run", asked=questions(1), separator="\n\n", split_tokens=4)
    with pytest.raises(ConfigError, match="stand at no equal positions"):
        augment(tmp_path / "run", output=tmp_path / "rows.csv")


def test_memory_does_not_grow_with_the_run(run, tmp_path):
    peaks = []
    for times in (4, 80):
        many = tmp_path / f"run{times}"
        shutil.copytree(run, many)
        (many / "artifacts.jsonl").write_bytes((run / "artifacts.jsonl").read_bytes() * times)
        tracemalloc.start()
        try:
            done = augment(many, output=tmp_path / f"{times}.jsonl")
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert done.questions == 8 * times
    # Cycles wait for the collector, whatever their number
    assert peaks[1] < 4 * peaks[0]
