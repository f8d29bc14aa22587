import pytest

from omega_fast.pipeline.page import PAGE, shown
from omega_fast.pipeline.run import run_pipeline


def test_the_page_tells_every_stage_with_what_it_shows(commands, recipe, tmp_path):
    found = run_pipeline(recipe(), tmp_path / "out")
    page = found.page.read_text()
    assert found.page == tmp_path / "out" / PAGE
    assert page.startswith("# Three stages\n")
    assert "Variables: k = 1." in page
    assert "| [a](#a) | makes one | 1 | 0 | 1 |" in page
    assert "| words | 6 |" in page
    assert "| a share | 0.500 (0.250 to 0.750) |" in page
    assert "[one.txt](a/one.txt)" in page
    assert "omega make" in page


def test_the_page_of_a_pipeline_that_failed_says_how_far_it_got(commands, recipe, tmp_path):
    commands.codes["b"] = 7
    page = run_pipeline(recipe(), tmp_path / "out").page.read_text()
    assert "| b |  | not finished | | 1 |" in page
    assert "| c |  | not begun | | |" in page
    assert "## b" not in page


def test_tables_are_taken_in_and_plots_linked_where_they_are(commands, recipe, tmp_path):
    more = "outputs: [one.txt]\n    tables: [t.md, gone.md]\n    plots: [p.svg, gone.svg]"
    asked = recipe(("outputs: [one.txt]", more))
    commands.codes["c"] = 7
    run_pipeline(asked, tmp_path / "out")
    (tmp_path / "out" / "a" / "t.md").write_text("| figure |\n|---|\n")
    (tmp_path / "out" / "a" / "p.svg").write_text("<svg/>")
    page = run_pipeline(asked, tmp_path / "out").page.read_text()
    assert "| figure |\n|---|" in page
    assert "![a: p](a/p.svg)" in page
    assert "gone" not in page


@pytest.mark.parametrize(
    ("result", "place", "said"),
    [
        ({"a": {"b": 3}}, "a.b", "3"),
        ({"a": {"b.c": 3}}, "a.b.c", "3"),
        ({"a": True}, "a", "yes"),
        ({"a": 1234.5}, "a", "1,234"),
        ({"a": None}, "a", "-"),
        ({"a": [1, 2]}, "a", "1, 2"),
        ({"a": "x | y\nz"}, "a", "x \\| y z"),
        ({"a": {"value": 0.5, "low": None, "high": None}}, "a", "0.500"),
        (
            {"a": {"value": 0.5, "over_seeds": None, "over_questions": {"low": 0, "high": 1}}},
            "a",
            "0.500 (0 to 1)",
        ),
        ({"a": 3}, "a.b", "-"),
        ({}, "a", "-"),
    ],
)
def test_values_are_found_by_their_names_and_shown_for_people(result, place, said):
    assert shown(result, place) == said


def test_counts_by_name_are_told_by_name():
    result = {"rejected": {"it came twice": 1200, "a | b": 3}, "none": {}, "nested": {"a": {"b": 1}}}
    assert shown(result, "rejected") == "it came twice: 1,200, a \\| b: 3"
    assert shown(result, "none") == "none"
    assert shown(result, "nested") == "-"
