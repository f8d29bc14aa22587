from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.records import Question, Solution
from omega_fast.tasks.base import Fault, Limits
from omega_fast.tasks.read import read_questions, stable_id

GOOD = {"problem": "1+1?", "answer": "2"}


def lines(folder: Path, *records: Mapping[str, Any] | bytes) -> Path:
    path = folder / "questions.jsonl"
    data = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    path.write_bytes(b"\n".join(data) + b"\n")
    return path


def read(path: Path, kind: str = "auto", limits: Limits | None = None) -> tuple[list[Question], list[Fault]]:
    faults: list[Fault] = []
    return list(read_questions(path, kind, quarantine=faults.append, limits=limits or Limits())), faults


@pytest.mark.parametrize("problem", ["problem", "question"])
@pytest.mark.parametrize("answer", ["answer", "final_answer", "ground_truth"])
def test_the_usual_names_of_fields_are_known(tmp_path: Path, problem: str, answer: str) -> None:
    questions, faults = read(lines(tmp_path, {problem: "1+1?", answer: 2, "id": 7, "level": 3}))
    assert questions == [Question("7", "1+1?", "2", meta={"level": 3})]
    assert faults == []


def test_a_json_list_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{"problem": "1+1?", "final_answer": "2"}, {"problem": "no"}], indent=4))
    questions, faults = read(path)
    assert [(question.problem, question.answer) for question in questions] == [("1+1?", "2")]
    assert [(fault.line, fault.reason) for fault in faults] == [(2, "no final_answer")]


def test_solutions_come_as_text_or_as_objects(tmp_path: Path) -> None:
    record = GOOD | {
        "solutions": ["a\n\nb", {"solution": "c", "is_correct": False, "source": "m"}, {"text": "d"}]
    }
    (question,), _ = read(lines(tmp_path, record))
    assert question.solutions == (
        Solution("a\n\nb"),
        Solution("c", source="m", correct=False),
        Solution("d"),
    )


def test_gsm8k_gold_is_behind_the_hashes(tmp_path: Path) -> None:
    (question,), _ = read(lines(tmp_path, {"question": "?", "answer": "1+1=2\n#### 2,125"}))
    assert question.answer == "2,125"
    assert question.meta["solution"] == "1+1=2\n#### 2,125"


def test_math500_keeps_its_id_and_subject(tmp_path: Path) -> None:
    record = GOOD | {
        "unique_id": "test/algebra/1.json",
        "subject": "Algebra",
        "level": "Level 1",
        "solution": "s",
    }
    (question,), _ = read(lines(tmp_path, record))
    assert (question.id, question.meta["subject"]) == ("test/algebra/1.json", "Algebra")


def test_questions_without_gold_are_read_if_their_format_is_named(tmp_path: Path) -> None:
    path = lines(tmp_path, {"problem": "open?"})
    assert read(path)[0] == []
    assert read(path, "jsonl-unanswered")[0][0].answer is None


def test_an_id_comes_from_the_text_and_counts_repetitions(tmp_path: Path) -> None:
    questions, _ = read(lines(tmp_path, GOOD, GOOD, GOOD | {"problem": "2+2?"}))
    base = stable_id("1+1?")
    assert [question.id for question in questions] == [base, f"{base}-2", stable_id("2+2?")]
    assert base.startswith("q-")
    assert len(base) == 14


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "no final answer"),
        ({"problem": "1+1?"}, "no final answer"),
        ({"problem": "1+1?", "answer": None}, "no final answer"),
        ({"problem": " ", "answer": "2"}, "problem is empty"),
        ({"problem": "1+1?", "answer": ""}, "answer is empty"),
        ({"problem": "1+1?", "answer": float("nan")}, "answer is nan"),
        ({"problem": "1+1?", "answer": "NaN"}, "answer is nan"),
        ({"problem": "1+1?", "answer": float("inf")}, "answer is inf"),
        ({"problem": "1+1?", "answer": True}, "answer is bool, not text"),
        ({"problem": "1+1?", "answer": ["2"]}, "answer is list, not text"),
        ({"problem": "x" * 1_000_000, "answer": "2"}, "problem has 1000000 characters, more than 100000"),
        ({"problem": "1\0", "answer": "2"}, "problem holds a NUL character"),
        ({"problem": "1\ud800", "answer": "2"}, "problem holds half a surrogate pair"),
        (GOOD | {"id": "a\0b"}, "id holds a NUL character"),
        (GOOD | {"id": "x" * 4096}, "id has 4096 characters, more than 512"),
        (GOOD | {"id": "first"}, "duplicate id 'first'"),
        (GOOD | {"solutions": "text"}, "solutions is str, not a list"),
        (GOOD | {"solutions": [3]}, "a solution is int, not text or an object"),
        (
            GOOD | {"solutions": [{"text": "s", "is_correct": "yes"}]},
            "is_correct of a solution is neither true nor false",
        ),
        (b'{"problem": "\xff", "answer": "2"}', "not UTF-8 at byte 13"),
        (b"[1, 2]", "a list, not an object"),
        (b'"text"', "a str, not an object"),
    ],
)
def test_a_poisoned_record_is_set_aside_and_the_rest_is_read(
    tmp_path: Path, record: Mapping[str, Any] | bytes, reason: str
) -> None:
    path = lines(tmp_path, GOOD | {"id": "first"}, b"", record, GOOD | {"id": "last"})
    questions, faults = read(path)
    assert [question.id for question in questions] == ["first", "last"]
    assert faults == [Fault(path, 3, reason)]


@pytest.mark.parametrize("junk", [b'{"problem": "1', b"{" * 100_000, b"[" * 100_000, b"not json"])
def test_a_line_that_is_no_json_is_set_aside(tmp_path: Path, junk: bytes) -> None:
    path = lines(tmp_path, GOOD, junk, GOOD)
    questions, faults = read(path)
    assert len(questions) == 2
    assert [fault.line for fault in faults] == [2]
    assert faults[0].reason.startswith("not JSON")


def test_a_poisoned_first_record_does_not_hide_the_format(tmp_path: Path) -> None:
    questions, faults = read(lines(tmp_path, {"other": 1}, {"question": "?", "answer": "so\n#### 3"}))
    assert [question.answer for question in questions] == ["3"]
    assert [(fault.line, fault.reason) for fault in faults] == [(1, "neither problem nor question")]


@pytest.mark.parametrize("identifier", ["../../x", "CON", "x" * 512, "a/b", "\u202e", "-rf *"])
def test_an_id_is_just_a_string(tmp_path: Path, identifier: str) -> None:
    (question,), _ = read(lines(tmp_path, GOOD | {"id": identifier}))
    assert question.id == identifier


def test_limits_are_configurable(tmp_path: Path) -> None:
    path = lines(tmp_path, GOOD, GOOD | {"problem": "a longer problem"})
    assert len(read(path, limits=Limits(text_chars=10))[0]) == 1


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = lines(tmp_path, GOOD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read(path)[0]) == 1


def test_json_lines_are_streamed(tmp_path: Path) -> None:
    path = lines(tmp_path, GOOD, b"not json")
    faults: list[Fault] = []
    questions = read_questions(path, quarantine=faults.append)
    assert next(questions).answer == "2"
    assert faults == []


def test_an_empty_file_has_no_questions(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert read(path) == ([], [])


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of 2 records none"):
        read(lines(tmp_path, {"a": 1}, {"b": 2}))


def test_a_broken_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('[{"problem": "1+1?"')
    with pytest.raises(InputError, match="not a JSON list"):
        read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read(tmp_path / "missing.jsonl")


def test_an_unknown_format_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown question format"):
        read_questions(tmp_path / "any", "csv", quarantine=lambda fault: None)


@pytest.fixture(scope="module")
def data_folder() -> Path:
    folder = Path(os.environ.get("OMEGA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}; set OMEGA_DATA")
    return folder


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "n_questions", "n_faults"),
    [
        ("gsm8k/test.jsonl", 1319, 0),
        ("gsm8k/train.jsonl", 7473, 0),
        ("gsm8k/example_model_solutions.jsonl", 1319, 0),
        ("math500/test500.jsonl", 500, 0),
        ("openr/extracted_problems_and_answers.json", 7498, 2),
    ],
)
def test_published_files_are_read_whole(
    data_folder: Path, name: str, n_questions: int, n_faults: int
) -> None:
    questions, faults = read(data_folder / name)
    assert len({question.id for question in questions}) == len(questions) == n_questions
    assert [fault.reason for fault in faults] == ["final_answer is empty"] * n_faults


@pytest.mark.data
def test_gsm8k_model_solutions_carry_their_flags(data_folder: Path) -> None:
    questions, _ = read(data_folder / "gsm8k" / "example_model_solutions.jsonl")
    solutions = [solution for question in questions for solution in question.solutions]
    assert len(solutions) == 5276
    assert sum(solution.correct is True for solution in solutions) == 2001
    assert questions[0].solutions[0].source == "6b_finetuning"
