import json

import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange import split, split_by_question
from omega_fast.store.formats import CE

ROWS = [{"problem": f"{number}π", "final_answer": str(number)} for number in range(10)]


@pytest.mark.parametrize(
    ("parts", "sizes"), [(1, [10]), (3, [4, 3, 3]), (10, [1] * 10), (12, [1] * 10 + [0] * 2)]
)
def test_a_list_is_cut_into_lists_of_nearly_equal_size_in_order(tmp_path, parts, sizes):
    (tmp_path / "questions.json").write_text(json.dumps(ROWS, indent=4))
    done = split(tmp_path / "questions.json", tmp_path / "out", parts)
    assert list(done.sizes) == sizes
    assert [path.name for path in done.paths][:2] == ["questions_part_1.json", "questions_part_2.json"][
        :parts
    ]
    assert [row for path in done.paths for row in json.loads(path.read_text())] == ROWS


def test_lines_keep_their_bytes_and_the_last_needs_no_newline(tmp_path):
    lines = [b'{"a":  1}', b"not json", '{"b": "π"}'.encode()]
    (tmp_path / "q.jsonl").write_bytes(b"\n".join([lines[0], b"", *lines[1:]]))
    done = split(tmp_path / "q.jsonl", tmp_path / "out", 2)
    assert [path.read_bytes() for path in done.paths] == [
        lines[0] + b"\n" + lines[1] + b"\n",
        lines[2] + b"\n",
    ]


def test_no_rows_make_empty_parts(tmp_path):
    (tmp_path / "q.json").write_text("[]")
    done = split(tmp_path / "q.json", tmp_path / "out", 2)
    assert [json.loads(path.read_text()) for path in done.paths] == [[], []]


def test_what_is_broken_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "q.json").write_text('[{"a": 1}, {')
    with pytest.raises(InputError, match="is not JSON"):
        split(tmp_path / "q.json", tmp_path / "out", 2)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="0 parts"):
        split(tmp_path / "q.json", tmp_path / "out", 0)


SHARES = {"train": 0.6, "test": 0.4}


def by_question(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    return split_by_question(tmp_path / name, tmp_path / "out", SHARES)


def test_all_rows_of_a_question_go_to_one_part(tmp_path):
    rows = [
        {"prompt": f"Q{number % 7}", "completions": [str(number)], "labels": [True]} for number in range(40)
    ]
    done = by_question(tmp_path, "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    train, test = ([json.loads(line) for line in path.read_text().splitlines()] for path in done.paths)
    assert [path.name for path in done.paths] == ["rows_train.jsonl", "rows_test.jsonl"]
    assert done.sizes == (len(train), len(test))
    assert {row["prompt"] for row in train}.isdisjoint(row["prompt"] for row in test)
    assert sorted(train + test, key=rows.index) == rows
    assert train == sorted(train, key=rows.index)


def test_the_question_is_found_where_a_format_hides_it(tmp_path):
    steps = [" Step 1: a ки\nStep 2: b ки", " Step 1: other ки"]
    rows = [
        {"input": f"Q{number}?{text}", "label": f"Q{number}?{text}".replace("ки", "+"), "task": "t"}
        for number in range(20)
        for text in steps
    ]
    done = by_question(tmp_path, "shepherd.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    questions = [
        {json.loads(line)["input"].partition("?")[0] for line in path.read_text().splitlines()}
        for path in done.paths
    ]
    assert all(questions)
    assert questions[0].isdisjoint(questions[1])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_are_split_too(tmp_path, suffix):
    rows = [{"prompt": f"Q{number}", "response": "r", "label": number % 2 == 0} for number in range(30)]
    source = tmp_path / f"ce{suffix}"
    CE.write_rows(source, [CE.from_json(row) for row in rows])
    done = split_by_question(source, tmp_path / "out", SHARES)
    back = [row for path in done.paths for row in CE.read(path)]
    assert sorted(row.prompt for row in back) == sorted(row["prompt"] for row in rows)
    assert sum(done.sizes) == 30
    assert 0 not in done.sizes


def test_rows_keep_their_bytes_when_split_by_question(tmp_path):
    lines = ['{"problem":  "π", "x": 1.0}', '{"problem": "\\u03c0"}']
    done = by_question(tmp_path, "q.jsonl", "\n".join(lines))
    assert sorted(path.read_text() for path in done.paths) == ["", "\n".join(lines) + "\n"]


def test_three_columns_are_refused_since_they_do_not_tell_their_question(tmp_path):
    with pytest.raises(InputError, match="does not tell where its question ends") as error:
        by_question(tmp_path, "rows.csv", "prefix,step,value\nQ,a,1\n")
    assert "omega augment --shares" in (error.value.hint or "")
    assert not list((tmp_path / "out").iterdir())


def test_a_row_without_a_question_is_named(tmp_path):
    with pytest.raises(InputError, match="row 2"):
        by_question(tmp_path, "q.jsonl", '{"problem": "Q"}\n[1]\n')
