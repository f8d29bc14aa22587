"""A folder of trees belongs to its roots and rules."""

from dataclasses import replace

import pytest

from omega_fast.errors import RunConflictError, StoreError
from omega_fast.grounded.problem import read_problems
from omega_fast.grounded.root_job import write_roots
from omega_fast.grounded.search_folder import SEARCHED, TREES, claim_folder
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.settings import GroundedSettings

RULES = SearchSettings()


def claimed(folder, problems):
    """The folder with a tree of these roots."""
    claim_folder(folder, problems, RULES)
    (folder / TREES).mkdir(exist_ok=True)
    (folder / TREES / f"{problems[0].name}.json").write_text("{}")


def roots(folder, skin):
    made = write_roots("ledger", folder / "root.json", GroundedSettings(), most=6, skin=skin)
    return read_problems(made.path)


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    return roots(tmp_path_factory.mktemp("roots"), "story")


def test_the_same_roots_and_more_of_them_go_on(tmp_path, stories):
    claimed(tmp_path / "out", stories[:3])
    claim_folder(tmp_path / "out", stories, RULES)
    claim_folder(tmp_path / "out", stories[:2], RULES)
    with pytest.raises(RunConflictError, match="other roots"):
        claim_folder(tmp_path / "out", [replace(stories[0], question="x is 1 . ?"), *stories[1:]], RULES)


def test_other_roots_are_refused_and_nothing_is_changed(tmp_path, stories):
    claimed(tmp_path, stories)
    before = (tmp_path / SEARCHED).read_bytes()
    (tmp_path / "plain").mkdir()
    plain = roots(tmp_path / "plain", "plain")
    for other in (plain, [stories[0], *plain]):
        with pytest.raises(RunConflictError, match="other roots"):
            claim_folder(tmp_path, other, RULES)
    assert (tmp_path / SEARCHED).read_bytes() == before


def test_other_rules_are_refused_by_name(tmp_path, stories):
    claimed(tmp_path, stories)
    with pytest.raises(RunConflictError, match="other fusion, seed"):
        claim_folder(tmp_path, stories, replace(RULES, fusion="released", seed=1))


def test_a_folder_without_a_tree_is_free(tmp_path, stories):
    claim_folder(tmp_path, stories, RULES)
    claim_folder(tmp_path, stories[:1], replace(RULES, rounds=2))
    claimed(tmp_path, stories)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"roots": 1, "rules": {}}'])
def test_a_broken_file_is_said_so(tmp_path, stories, content):
    (tmp_path / SEARCHED).write_text(content)
    with pytest.raises(StoreError, match="cannot be read"):
        claim_folder(tmp_path, stories, RULES)
