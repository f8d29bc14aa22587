import json

import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange import split

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
