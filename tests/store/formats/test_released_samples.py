import os
from pathlib import Path

import orjson
import pytest

from omega_fast.store.formats import FLAT, TREE, ExportOptions

pytestmark = pytest.mark.data
FILES = [(FLAT, "samples_math-aps.jsonl"), (TREE, "samples_math-aps-tree.jsonl")]


@pytest.fixture(scope="module")
def openr() -> Path:
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("OMEGA_DATA", beside)) / "openr"
    if not folder.is_dir():
        pytest.skip(f"no openr samples in {folder}: set OMEGA_DATA to the data folder")
    return folder


def contents(path: Path) -> list[object]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(("chosen", "name"), FILES)
def test_a_released_file_is_read_and_written_back_to_the_same_content(openr, tmp_path, chosen, name):
    assert chosen.write_rows(tmp_path / name, chosen.read(openr / name)) == 3
    assert contents(tmp_path / name) == contents(openr / name)


@pytest.mark.parametrize("options", [ExportOptions(prefix_as="pair"), ExportOptions(text="cumulative")])
@pytest.mark.parametrize(("chosen", "name"), FILES)
def test_a_released_file_survives_the_other_form(openr, tmp_path, chosen, name, options):
    rows = list(chosen.read(openr / name))
    chosen.write_rows(tmp_path / name, rows, options)
    assert list(chosen.read(tmp_path / name)) == rows


def test_the_released_trees_carry_steps_alone(openr):
    rows = list(TREE.read(openr / "samples_math-aps-tree.jsonl"))
    assert not any(child.step.startswith(row.question) for row in rows for child in row.root.children)
