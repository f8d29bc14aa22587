"""Whatever a format takes, it gives back: texts with its own markers in them are refused or survive, never changed."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.store.formats import FORMATS, ExportOptions, Place, RowFault
from tests.store.formats.random_trees import solutions, trees

WRITABLE = [(name, suffix) for name, each in FORMATS.items() for suffix in each.suffixes]
MADE_OF_SOLUTIONS = [name for name, each in FORMATS.items() if each.from_solution is not None]
READ_AS_SOLUTIONS = [name for name in MADE_OF_SOLUTIONS if FORMATS[name].to_solutions is not None]
HERE = Place(Path("here"), 1)
QUICK = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize(("name", "suffix"), WRITABLE)
@QUICK
@given(
    tree=trees(), prefix_as=st.sampled_from(["text", "pair"]), text=st.sampled_from(["step", "cumulative"])
)
def test_rows_of_any_tree_are_read_back_equal(name, suffix, tree, prefix_as, text):
    chosen, options = FORMATS[name], ExportOptions(seed=3, prefix_as=prefix_as, text=text)
    faults: list[RowFault] = []
    rows = list(chosen.project(tree, options, faults.append))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{suffix}"
        assert chosen.write_rows(path, rows, options) == len(rows)
        assert list(chosen.read(path)) == rows


@pytest.mark.parametrize("name", MADE_OF_SOLUTIONS)
@QUICK
@given(many=st.lists(solutions(), min_size=1, max_size=4))
def test_rows_of_any_solutions_are_read_back_equal(name, many):
    chosen = FORMATS[name]
    faults: list[RowFault] = []
    rows = [row for each in many for row in chosen.made(each, HERE, faults.append)]
    with tempfile.TemporaryDirectory() as folder:
        for suffix in chosen.suffixes:
            path = Path(folder) / f"rows{suffix}"
            chosen.write_rows(path, rows)
            assert list(chosen.read(path)) == rows


@pytest.mark.parametrize("name", [name for name in READ_AS_SOLUTIONS if name not in {"steps", "ce"}])
@QUICK
@given(solution=solutions())
def test_question_steps_and_hard_labels_survive_every_format_of_solutions(name, solution):
    chosen = FORMATS[name]
    faults: list[RowFault] = []
    rows = list(chosen.made(solution, HERE, faults.append))
    assert bool(rows) != bool(faults)
    for read in chosen.to_solutions(rows):
        kept = len(read.steps) if name != "processbench" else (read.first_error or 0)
        assert read.question == solution.question
        assert read.steps == solution.steps[: len(read.steps)]
        assert read.hard[:kept] == solution.hard[:kept]
        assert read.first_error == solution.first_error
