from __future__ import annotations

import io
import json
import tarfile

import pytest

from omega_fast.errors import InputError
from omega_fast.eval.sample_files import read_golds, read_samples
from tests.eval.stubs import write

NESTED = {"question": "p1", "final_answer": 7, "responses": [{"text": "a"}, {"text": "b", "correctness": 1}]}
FLAT = [
    {"idx": 0, "prompt": "p1", "response": "a", "reference": "7", "correctness": True},
    {"idx": 0, "prompt": "p1", "response": "b", "reference": "7", "correctness": False},
    {"idx": 1, "prompt": "p2", "response": "c", "reference": "8"},
]


def samples(path, faults=None):
    collected = [] if faults is None else faults
    found = list(read_samples(path, collected.append))
    assert faults is not None or collected == []
    return found


def pack(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            data = content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_rows_with_responses_are_questions_with_samples(tmp_path):
    (found,) = samples(write(tmp_path / "rows.jsonl", [NESTED]))
    assert (found.question.problem, found.question.answer) == ("p1", "7")
    assert [(each.text, each.correct) for each in found.question.solutions] == [("a", None), ("b", True)]


def test_responses_may_be_plain_texts(tmp_path):
    (found,) = samples(write(tmp_path / "rows.jsonl", [{"problem": "p", "responses": ["a", "b"]}]))
    assert [each.text for each in found.question.solutions] == ["a", "b"]
    assert found.question.answer is None


def test_rows_of_one_sample_each_are_put_together(tmp_path):
    found = samples(write(tmp_path / "rows.jsonl", FLAT))
    assert [(each.question.problem, len(each.question.solutions)) for each in found] == [("p1", 2), ("p2", 1)]
    assert [each.correct for each in found[0].question.solutions] == [True, False]
    assert [each.place.number for each in found] == [1, 3]


def test_one_problem_twice_is_two_questions(tmp_path):
    found = samples(write(tmp_path / "rows.jsonl", [NESTED, NESTED]))
    assert len({each.question.id for each in found}) == 2


@pytest.mark.parametrize(
    ("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar.xz", "w:xz")]
)
def test_an_archive_is_read_as_it_lies(tmp_path, name, mode):
    members = {
        "set/one.json": json.dumps([NESTED, {**NESTED, "question": "p2"}]),
        "set/two.jsonl": "\n".join(map(json.dumps, FLAT)) + "\n",
        "set/README.md": "not rows",
        "set/._one.json": "left by a Mac",
    }
    found = samples(pack(tmp_path / name, members, mode))
    assert [each.question.problem for each in found] == ["p1", "p2", "p1", "p2"]
    assert found[0].place.path == tmp_path / name / "set/one.json"
    assert not (tmp_path / "set").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["../out.json", "/etc/out.json", "a/../../out.json", r"..\out.json"])
def test_a_member_that_leads_out_of_its_archive_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="no plain file inside of it"):
        samples(pack(tmp_path / "a.tar", {name: json.dumps([NESTED])}, "w"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_an_archive_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("rows.json")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(InputError, match="no plain file inside of it"):
        samples(tmp_path / "a.tar")


def test_a_torn_archive_is_refused(tmp_path):
    path = pack(tmp_path / "a.tar.gz", {"rows.json": json.dumps([NESTED] * 500)})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="no whole archive"):
        samples(path)


def test_an_archive_of_something_else_is_refused(tmp_path):
    path = pack(tmp_path / "a.tar", {"rows.json": '{"a": 1}'}, "w")
    with pytest.raises(InputError, match=r"rows.json is not JSON: it does not begin with \["):
        samples(path)


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        samples(tmp_path / "none.tar.gz")


HOSTILE = [
    ({"problem": "p"}, "no samples"),
    ({"problem": "p", "responses": []}, "no samples"),
    ({"problem": "p", "responses": {}}, "responses is not a list"),
    ({"problem": "p", "responses": [{"txt": "a"}]}, "response 1 has no text"),
    ({"problem": "p", "responses": ["a", 3]}, "response 2 has no text"),
    ({"problem": "p", "responses": [{"text": "a", "correct": "yes"}]}, "neither right nor wrong"),
    ({"responses": ["a"]}, "no problem"),
    ({"problem": " ", "responses": ["a"]}, "problem is empty"),
    ({"problem": "p", "response": None}, "response 1 has no text"),
]


@pytest.mark.parametrize(("row", "reason"), HOSTILE)
@pytest.mark.parametrize("packed", [False, True])
def test_a_row_without_samples_is_named_and_the_others_are_read(tmp_path, row, reason, packed):
    path = write(tmp_path / "rows.jsonl", [NESTED, row, NESTED])
    if packed:
        path = pack(tmp_path / "rows.tar", {"rows.jsonl": path.read_text()}, "w")
    faults: list = []
    assert len(samples(path, faults)) == 2
    assert reason in faults[0].reason
    assert faults[0].place.number == 2


def test_lines_in_an_archive_that_are_no_rows_are_named(tmp_path):
    path = pack(tmp_path / "a.tar", {"rows.jsonl": f'{{"a\n[1]\n\n{json.dumps(NESTED)}\n'}, "w")
    faults: list = []
    assert len(samples(path, faults)) == 1
    assert [fault.place.number for fault in faults] == [1, 2]


def test_gold_answers_are_found_by_problem(tmp_path):
    path = write(tmp_path / "gold.jsonl", [{"problem": "p ", "answer": "3"}, {"problem": "", "answer": "4"}])
    faults: list = []
    assert read_golds(path, faults.append) == {"p": "3"}
    assert [fault.place.number for fault in faults] == [2]
