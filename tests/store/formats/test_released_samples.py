import os
from pathlib import Path

import orjson
import pytest

from omega_fast.exchange import convert, detect, import_questions
from omega_fast.store.formats import (
    FLAT,
    FORMATS,
    MATH_SHEPHERD,
    PRM800K,
    PROCESSBENCH,
    TREE,
    ExportOptions,
)
from omega_fast.tasks.read import read_questions

pytestmark = pytest.mark.data
FILES = [(FLAT, "samples_math-aps.jsonl"), (TREE, "samples_math-aps-tree.jsonl")]
WHOLE = [
    (FLAT, "samples_math-aps.jsonl", 3),
    (TREE, "samples_math-aps-tree.jsonl", 3),
    (MATH_SHEPHERD, "samples_math-shepherd.jsonl", 7),
    (PRM800K, "samples_prm800k.jsonl", 6),
]


def folder_of(name: str) -> Path:
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("OMEGA_DATA", beside)) / name
    if not folder.is_dir():
        pytest.skip(f"no {name} samples in {folder}: set OMEGA_DATA to the data folder")
    return folder


@pytest.fixture(scope="module")
def openr() -> Path:
    return folder_of("openr")


@pytest.fixture(scope="module")
def processbench() -> Path:
    return folder_of("processbench") / "gsm8k.json"


def contents(path: Path) -> list[object]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(("chosen", "name", "count"), WHOLE)
def test_a_released_file_is_read_and_written_back_to_the_same_content(openr, tmp_path, chosen, name, count):
    """The same JSON values in every row, every field included."""
    assert detect(openr / name) is chosen
    assert chosen.write_rows(tmp_path / name, chosen.read(openr / name)) == count
    assert contents(tmp_path / name) == contents(openr / name)


def test_processbench_is_read_and_written_back_but_for_a_column_others_added(processbench, tmp_path):
    rows = orjson.loads(processbench.read_bytes())
    assert detect(processbench) is PROCESSBENCH
    assert PROCESSBENCH.write_rows(tmp_path / "out.json", PROCESSBENCH.read(processbench)) == 400
    added = {"steps-merge"}
    expected = [{name: value for name, value in row.items() if name not in added} for row in rows]
    assert orjson.loads((tmp_path / "out.json").read_bytes()) == expected


def test_processbench_survives_verl_and_back(processbench, tmp_path):
    convert(processbench, tmp_path / "verl.parquet", to="verl")
    done = convert(tmp_path / "verl.parquet", tmp_path / "back.jsonl", to="processbench")
    assert (done.rows, done.quarantined) == (400, 0)
    assert list(PROCESSBENCH.read(tmp_path / "back.jsonl")) == list(PROCESSBENCH.read(processbench))


@pytest.mark.parametrize("through", ["rlhflow", "openrlhf", "trl", "qwen-prm", "verl"])
def test_math_shepherd_survives_every_other_format_but_for_the_task(openr, tmp_path, through):
    original = openr / "samples_math-shepherd.jsonl"
    convert(original, tmp_path / "there.jsonl", to=through)
    convert(tmp_path / "there.jsonl", tmp_path / "back.jsonl", to="math-shepherd")
    texts = [(row["input"], row["label"]) for row in contents(original)]
    assert [(row["input"], row["label"]) for row in contents(tmp_path / "back.jsonl")] == texts


def test_a_prm800k_record_branches_at_every_rated_candidate(openr):
    first = next(PRM800K.read(openr / "samples_prm800k.jsonl"))
    found = list(PRM800K.to_solutions([first]))
    assert len(found) == 5 + 4 + 1
    assert [len(each.steps) for each in found] == [2] * 5 + [6] * 4 + [6]
    assert all(each.hard == (True, False) for each in found[:5])
    assert found[-1].steps[1] == "We have $3p+e=1.24$ and $5p+e=1.82$."
    assert found[-1].hard == (True,) * 6
    assert {each.answer for each in found} == {"29"}


@pytest.mark.parametrize("name", [name for _, name, _ in WHOLE])
def test_released_solutions_become_questions_that_annotate_reads(openr, tmp_path, name):
    done = import_questions(openr / name, tmp_path / "run.jsonl")
    faults: list[object] = []
    form = "jsonl-unanswered" if done.unanswered else "auto"
    questions = list(read_questions(tmp_path / "run.jsonl", form, quarantine=faults.append))
    assert (len(questions), faults) == (done.questions, [])
    solutions = [solution for question in questions for solution in question.solutions]
    assert len(solutions) == done.solutions
    assert all("".join(each.steps) == each.text for each in solutions)


def test_every_released_file_becomes_every_format_of_labelled_steps(openr, processbench, tmp_path):
    targets = [name for name, each in FORMATS.items() if each.from_solution is not None and name != "ce"]
    for source in [*(openr / name for _, name, _ in WHOLE), processbench]:
        for to in targets:
            done = convert(source, tmp_path / "out.jsonl", to=to, threshold=0.0)
            assert done.rows > 0
            assert done.quarantined == 0


@pytest.mark.parametrize("options", [ExportOptions(prefix_as="pair"), ExportOptions(text="cumulative")])
@pytest.mark.parametrize(("chosen", "name"), FILES)
def test_a_released_file_survives_the_other_form(openr, tmp_path, chosen, name, options):
    rows = list(chosen.read(openr / name))
    chosen.write_rows(tmp_path / name, rows, options)
    assert list(chosen.read(tmp_path / name)) == rows


def test_the_released_trees_carry_steps_alone(openr):
    rows = list(TREE.read(openr / "samples_math-aps-tree.jsonl"))
    assert not any(child.step.startswith(row.question) for row in rows for child in row.root.children)
