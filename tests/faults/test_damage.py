import random
import subprocess
from pathlib import Path

import pytest

from omega_fast.errors import StoreDamagedError, StoreError
from omega_fast.store import RunDirectory, verify
from omega_fast.store.compression import compress
from tests.store.helpers import open_run, small_segments, values, write_values


def segment(run: Path, index: int = 1) -> Path:
    return run / "log" / f"{index:06d}.jsonl"


def crashed_run(run: Path, count: int) -> Path:
    """A run whose writer died: its manifest knows nothing of the records."""
    write_values(run, 0)
    manifest = (run / "manifest.json").read_bytes()
    write_values(run, count)
    (run / "manifest.json").write_bytes(manifest)
    return run


def test_a_tail_torn_at_any_byte_is_cut_off_and_reported(tmp_path):
    run = crashed_run(tmp_path / "run", 3)
    whole = segment(run).read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(last + 1, len(whole)):
        segment(run).write_bytes(whole[:cut])
        with open_run(run) as opened:
            tail = opened.recovery.torn_tail
            assert tail is not None
            assert (tail.file, tail.line, tail.bytes) == (str(segment(run)), 4, cut - last)
        assert segment(run).read_bytes() == whole[:last]
        assert values(run) == [0, 1]


def test_a_run_goes_on_after_a_torn_tail(tmp_path):
    run = crashed_run(tmp_path / "run", 3)
    with segment(run).open("ab") as file:
        file.write(b'{"n":4,"kind":"value"')
    write_values(run, 2, start=3)
    assert values(run) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("tail", [bytes(4096), b"{", b"\xff" * 100, b'{"n":4,"kind":"value","body":{}}'])
def test_an_unterminated_tail_of_anything_is_cut_off(tmp_path, tail):
    run = crashed_run(tmp_path / "run", 3)
    with segment(run).open("ab") as file:
        file.write(tail)
    with open_run(run) as opened:
        assert opened.recovery.torn_tail is not None
        assert opened.recovery.torn_tail.bytes == len(tail)
    assert values(run) == [0, 1, 2]


def test_verify_reports_a_torn_tail_as_harmless(tmp_path):
    run = crashed_run(tmp_path / "run", 3)
    with segment(run).open("ab") as file:
        file.write(b'{"n"')
    report = verify(run)
    assert report.ok
    assert report.torn_tail is not None
    assert report.torn_tail.bytes == 4


def test_a_tail_torn_into_what_the_manifest_saw_is_refused(tmp_path):
    write_values(tmp_path / "run", 3)
    whole = segment(tmp_path / "run").read_bytes()
    segment(tmp_path / "run").write_bytes(whole[:-5])
    with pytest.raises(StoreDamagedError, match="shorter than the manifest says: 3 of 4 lines"):
        open_run(tmp_path / "run")


def test_a_log_that_ends_a_line_early_is_refused(tmp_path):
    write_values(tmp_path / "run", 3)
    whole = segment(tmp_path / "run").read_bytes()
    segment(tmp_path / "run").write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(StoreDamagedError, match=r"000001\.jsonl is shorter than the manifest says"):
        open_run(tmp_path / "run")


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_anywhere_is_named_and_never_read(tmp_path, seed):
    chance = random.Random(seed)
    run = crashed_run(tmp_path / "run", 6)
    whole = segment(run).read_bytes()
    for _ in range(150):
        place, bit = chance.randrange(len(whole)), chance.randrange(8)
        line = whole.count(b"\n", 0, place) + 1
        segment(run).write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        with pytest.raises(StoreDamagedError, match=rf"000001\.jsonl line {line}: .*\nhint: "):
            open_run(run)
        with pytest.raises(StoreDamagedError):
            values(run)
        report = verify(run)
        assert f"line {line}: " in report.damage
        assert report.records == line - 1


@pytest.mark.parametrize("seed", range(2))
def test_two_flipped_bits_are_never_read_either(tmp_path, seed):
    chance = random.Random(seed)
    run = crashed_run(tmp_path / "run", 6)
    whole = segment(run).read_bytes()
    for _ in range(100):
        damaged = bytearray(whole)
        for place in chance.sample(range(len(whole)), 2):
            damaged[place] ^= 1 << chance.randrange(8)
        segment(run).write_bytes(damaged)
        with pytest.raises(StoreDamagedError):
            values(run)


def test_a_damaged_newline_before_a_torn_tail_is_not_taken_for_one(tmp_path):
    run = crashed_run(tmp_path / "run", 3)
    whole = segment(run).read_bytes()
    segment(run).write_bytes(whole[:-1] + b"\x0b" + b'{"n":4,')
    with pytest.raises(StoreDamagedError, match="line 4: has a damaged end"):
        open_run(run)


def test_following_the_hint_makes_a_damaged_end_usable_again(tmp_path):
    run = crashed_run(tmp_path / "run", 3)
    whole = segment(run).read_bytes()
    segment(run).write_bytes(whole[:-9] + b"x" + whole[-8:])
    with pytest.raises(StoreDamagedError) as caught:
        open_run(run)
    command = caught.value.hint.partition("and all after it: ")[2]
    subprocess.run(command, shell=True, check=True)
    open_run(run).close()
    assert values(run) == [0, 1]


def test_following_the_hint_works_after_a_clean_stop_too(tmp_path):
    run = tmp_path / "run"
    crashed_run(run, 3)
    open_run(run).close()  # the manifest now promises every line
    whole = segment(run).read_bytes()
    segment(run).write_bytes(whole[:-9] + b"x" + whole[-8:])
    with pytest.raises(StoreDamagedError) as caught:
        open_run(run)
    subprocess.run(caught.value.hint.partition("and all after it: ")[2], shell=True, check=True)
    open_run(run).close()
    assert values(run) == [0, 1]


@pytest.mark.parametrize("change", ["lost", "doubled", "swapped"])
def test_a_line_that_was_lost_doubled_or_moved_is_refused(tmp_path, change):
    run = crashed_run(tmp_path / "run", 4)
    lines = segment(run).read_bytes().splitlines(keepends=True)
    changed = {
        "lost": lines[:2] + lines[3:],
        "doubled": lines[:3] + lines[2:],
        "swapped": [*lines[:2], lines[3], lines[2], lines[4]],
    }[change]
    segment(run).write_bytes(b"".join(changed))
    with pytest.raises(StoreDamagedError, match=r"line [34]: does not follow the line before it"):
        open_run(run)


@pytest.mark.parametrize("compress", [False, True])
def test_a_truncated_closed_segment_is_named_at_every_length(tmp_path, compress):
    run = tmp_path / "run"
    write_values(run, 12, options=small_segments(compress=compress))
    path = sorted((run / "log").iterdir())[1]
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreDamagedError, match=path.name.split(".")[0]):
            values(run)
        assert path.name.split(".")[0] in verify(run).damage


def read_or_damage(run: Path) -> list[int] | str:
    try:
        return values(run)
    except StoreDamagedError as error:
        return error.message


def test_a_damaged_compressed_segment_is_named_or_reads_the_same(tmp_path):
    run = tmp_path / "run"
    write_values(run, 12, options=small_segments(compress=True))
    path = sorted((run / "log").iterdir())[0]
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        read = read_or_damage(run)
        assert read == list(range(12)) or "000001" in str(read)


@pytest.mark.parametrize("index", [1, 2, -1])
def test_a_missing_segment_is_named(tmp_path, index):
    run = tmp_path / "run"
    write_values(run, 12, options=small_segments())
    path = sorted((run / "log").iterdir())[index if index < 0 else index - 1]
    path.unlink()
    with pytest.raises(StoreDamagedError, match=rf"{path.name} is missing"):
        list(RunDirectory.read(run).records())


def test_a_closed_segment_that_goes_on_is_refused(tmp_path):
    run = tmp_path / "run"
    write_values(run, 12, options=small_segments())
    other = tmp_path / "other"
    write_values(other, 12)
    count = segment(run).read_bytes().count(b"\n")
    segment(run).write_bytes(b"".join(segment(other).read_bytes().splitlines(keepends=True)[: count + 1]))
    with pytest.raises(StoreDamagedError, match=r"000001\.jsonl goes on after line"):
        open_run(run)


def test_a_log_exchanged_for_another_valid_one_is_refused(tmp_path):
    write_values(tmp_path / "run", 3)
    write_values(tmp_path / "other", 3, start=10)
    segment(tmp_path / "run").write_bytes(segment(tmp_path / "other").read_bytes())
    with pytest.raises(StoreDamagedError, match="line 4: is not the line that the manifest saw"):
        open_run(tmp_path / "run")


def test_a_segment_left_in_both_forms_by_a_crash_is_read_once(tmp_path):
    run = tmp_path / "run"
    write_values(run, 12, options=small_segments())
    plain = segment(run).read_bytes()
    segment(run).with_suffix(".jsonl.zst").write_bytes(compress(plain))
    assert values(run) == list(range(12))
    segment(run).unlink()
    assert values(run) == list(range(12))


def test_a_lost_open_segment_is_not_begun_anew_after_a_compressed_one(tmp_path):
    run = tmp_path / "run"
    write_values(run, 12, options=small_segments(compress=True))
    (run / "manifest.json").unlink()
    sorted((run / "log").iterdir())[-1].unlink()
    with pytest.raises(StoreError, match="cannot write"):
        open_run(run)
