"""A file of 30 MB goes through in the memory of a few rows."""

import tracemalloc

import pytest

from omega_fast.exchange import convert, import_questions, merge, split, split_by_question

SIZE = 30_000_000
ROW = b'{"prompt": "question %06d", "completions": ["' + b"x" * 2900 + b'", "b"], "labels": [true, false]}'


def generated(path):
    count = SIZE // len(ROW)
    with path.open("wb") as file:
        opening, between, closing = (b"[", b",", b"]") if path.suffix == ".json" else (b"", b"\n", b"\n")
        for number in range(count):
            file.write((between if number else opening) + ROW % number)
        file.write(closing)
    assert path.stat().st_size > 0.99 * SIZE
    return path, count


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("job", ["convert", "import", "split", "split by question", "merge"])
def test_a_large_file_streams(tmp_path, job, suffix):
    path, count = generated(tmp_path / f"in{suffix}")
    tracemalloc.start()
    try:
        if job == "convert":
            done = convert(path, tmp_path / f"out{suffix}", to="math-shepherd").rows
        elif job == "import":
            done = import_questions(path, tmp_path / f"out{suffix}").questions
        elif job == "split":
            done = sum(split(path, tmp_path / "out", 3).sizes)
        elif job == "split by question":
            done = sum(split_by_question(path, tmp_path / "out", {"train": 0.9, "test": 0.1}).sizes)
        else:
            done = merge(tmp_path / f"out{suffix}", [path]).rows
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done == count
    assert peak < SIZE / 4
