import orjson

from tests.store.helpers import open_run


def rows(run):
    return [orjson.loads(line) for line in run.quarantine_path.read_bytes().splitlines()]


def test_a_row_is_kept_with_its_line_and_reason(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.quarantine([{"line": 3, "reason": "no problem", "row": {"answer": "4"}}])
        assert rows(run) == [{"line": 3, "reason": "no problem", "row": {"answer": "4"}}]


def test_a_row_that_json_cannot_carry_is_kept_in_readable_form(tmp_path):
    with open_run(tmp_path / "run") as run:
        row = {"text": "a\udc80b", "mc": float("nan"), "raw": b"\xff", "big": 1 << 70, "nul": "\x00"}
        run.quarantine([row])
        kept = {"text": "a\\udc80b", "mc": "nan", "raw": "b'\\xff'", "big": str(1 << 70), "nul": "\x00"}
        assert rows(run) == [kept]


def test_a_row_is_written_once(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.quarantine({"line": line} for line in (3, 4, 3))
        assert rows(run) == [{"line": 3}, {"line": 4}]


def test_the_rows_of_a_read_take_the_place_of_those_before(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.quarantine([{"line": 3}, {"line": 4}])
    with open_run(tmp_path / "run") as run:
        run.quarantine([{"line": 4}, {"line": 7}])
        assert rows(run) == [{"line": 4}, {"line": 7}]


def test_without_rows_there_is_no_file(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.quarantine([])
        assert not run.quarantine_path.exists()
        run.quarantine([{"line": 3}])
        run.quarantine([])
        assert not run.quarantine_path.exists()
