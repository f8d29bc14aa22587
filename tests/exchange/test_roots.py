"""GroundedPRM's trees get their questions and gold answers from its root.json."""

import json

import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange import convert, import_questions
from tests.store.formats.grounded_trees import tree

ROOT = {"question": "Find $c$.", "path": "algebra_1.json", "level": 2, "solution": r"So \boxed{\frac{4}{2}}."}


@pytest.fixture
def trees(tmp_path):
    folder = tmp_path / "mcts_tree"
    folder.mkdir()
    for name in ("algebra_1", "algebra_2"):
        (folder / f"{name}.json").write_text(json.dumps(tree()))
    (tmp_path / "root.json").write_text(json.dumps([ROOT]))
    return folder


def test_an_import_has_the_questions_of_the_roots(tmp_path, trees):
    done = import_questions(trees, tmp_path / "run.jsonl", root=tmp_path / "root.json")
    (row,) = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert (row["id"], row["problem"], row["answer"]) == ("algebra_1", "Find $c$.", r"\frac{4}{2}")
    assert (done.questions, done.unanswered, done.quarantined) == (1, 0, 3)
    assert "is of no question in the roots: its id is 'algebra_2'" in done.quarantine.read_text()


def test_a_conversion_has_them_too(tmp_path, trees):
    convert(trees, tmp_path / "syn_data.json", to="grounded-paths", root=tmp_path / "root.json")
    first, _ = json.loads((tmp_path / "syn_data.json").read_text())
    assert (first["question"], first["ground_truth"]) == ("Find $c$.", r"\frac{4}{2}")


@pytest.mark.parametrize(
    "content", ["[]", '[{"question": "Q"}]', '[{"path": 1, "question": "Q", "solution": ""}]']
)
def test_a_file_that_is_no_list_of_roots_is_refused(tmp_path, trees, content):
    (tmp_path / "root.json").write_text(content)
    with pytest.raises(InputError, match=r"root\.json"):
        import_questions(trees, tmp_path / "run.jsonl", root=tmp_path / "root.json")
    assert not (tmp_path / "run.jsonl").exists()


def test_roots_do_not_change_rows_that_are_copied(tmp_path, trees):
    with pytest.raises(ConfigError, match="copied as they are"):
        convert(trees, tmp_path / "out.jsonl", to="grounded-tree", root=tmp_path / "root.json")


def test_an_import_is_not_written_over_its_input(tmp_path, trees):
    for output in (trees, trees / "run.jsonl"):
        with pytest.raises(ConfigError, match="lies in the input"):
            import_questions(trees, output)
