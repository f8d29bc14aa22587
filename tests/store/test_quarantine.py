import orjson

from tests.store.helpers import open_run


def rows(run):
    return [orjson.loads(line) for line in run.quarantine_path.read_bytes().splitlines()]


def test_a_row_is_kept_with_its_line_and_reason(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.quarantine({"line": 3, "reason": "no problem", "row": {"answer": "4"}})
        assert rows(run) == [{"line": 3, "reason": "no problem", "row": {"answer": "4"}}]


def test_a_row_that_json_cannot_carry_is_kept_in_readable_form(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.quarantine(
            {"text": "a\udc80b", "mc": float("nan"), "raw": b"\xff", "big": 1 << 70, "nul": "\x00"}
        )
        kept = {"text": "a\\udc80b", "mc": "nan", "raw": "b'\\xff'", "big": str(1 << 70), "nul": "\x00"}
        assert rows(run) == [kept]


def test_a_resumed_run_does_not_repeat_a_row(tmp_path):
    for _ in range(2):
        with open_run(tmp_path / "run") as run:
            run.quarantine({"line": 3})
            run.quarantine({"line": 4})
            run.quarantine({"line": 3})
            assert rows(run) == [{"line": 3}, {"line": 4}]


def test_a_torn_row_is_cut_off_before_the_next(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.quarantine_path.write_bytes(b'{"line":3}\n{"li')
        run.quarantine({"line": 4})
        assert rows(run) == [{"line": 3}, {"line": 4}]
