"""`docs/formats.md` says what is so."""

import re
from pathlib import Path

import pytest

from omega_fast.store.formats import FORMATS, ExportOptions
from omega_fast.store.formats.files import FOLDER
from tests.store.formats.trees import artifacts

DOCUMENT = (Path(__file__).parents[3] / "docs/formats.md").read_text()
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCUMENT.split("\n## ")[0].splitlines()
    if line.startswith("| `")
]
ROWS = {row[0].strip("`"): row for row in TABLE}
YES = {True: "yes", False: "no"}


def test_every_format_is_in_the_table_in_order():
    assert list(ROWS) == list(FORMATS)


def test_every_format_says_where_it_is_from():
    sources = DOCUMENT.split("## Where the shapes are from")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z0-9-]+)`", "".join(re.findall(r"^\| (`.*?) \|", sources, re.M)))) == set(
        FORMATS
    )


@pytest.mark.parametrize("name", FORMATS)
def test_the_table_has_its_fields_files_and_uses(name):
    chosen = FORMATS[name]
    row = next(iter(chosen.project(artifacts(), ExportOptions(seed=1))))
    _, _, fields, files, read, made = ROWS[name]
    assert fields.split(", ") == list(chosen.to_json(row, ExportOptions()))
    assert tuple(FOLDER if each == "folder" else each for each in files.split()) == chosen.suffixes
    assert read == YES[chosen.to_solutions is not None]
    assert made == YES[chosen.from_solution is not None]
