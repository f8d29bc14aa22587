import pytest
from hypothesis import given
from hypothesis import strategies as st

from omega_fast.errors import RunConflictError, StoreError
from omega_fast.store.files import folder_made, refuse_foreign, safe_name
from tests.store.helpers import open_run

HOSTILE = [
    "../../x", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "nul\x00byte", "x" * 4096, "CON", "con.jsonl",
    "LPT1", "~", "-rf", ".hidden", "C:\\x", "tab\t", "é" * 3000, "\udc80", "trailing.", " ", "a\nb",
    "aux.tar.gz",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_inside_the_export_folder(tmp_path, name):
    with open_run(tmp_path / "run") as run:
        path = run.export_path(name)
        path.write_text("content")
        assert path.parent == run.path / "export"
        assert path.resolve().parent == (run.path / "export").resolve()


def test_hostile_names_stay_different_from_each_other():
    assert len({safe_name(name).lower() for name in HOSTILE}) == len(HOSTILE)


@pytest.mark.parametrize("name", ["samples.jsonl", "gsm8k-12", "a_b.parquet", "tree.json"])
def test_a_plain_name_is_kept(name):
    assert safe_name(name) == name


def test_the_suffix_of_an_odd_name_is_kept():
    assert safe_name("my results.jsonl").endswith(".jsonl")


@given(st.text(max_size=300))
def test_every_name_is_made_plain_and_stays_so(name):
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert 0 < len(safe) <= 160
    assert set(safe) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def test_a_folder_of_something_else_is_refused_by_name_with_what_to_do(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(RunConflictError, match="is not empty and holds no search") as caught:
        refuse_foreign(tmp_path, "search", marks={"calls"}, beside={"lock"})
    assert caught.value.hint == "name a new or an empty folder"


@pytest.mark.parametrize("held", [[], ["lock"], ["calls"], ["calls", "thesis.tex", "lock"]])
def test_an_empty_folder_and_one_of_its_own_are_taken(tmp_path, held):
    for name in held:
        (tmp_path / name).touch()
    refuse_foreign(tmp_path, "search", marks={"calls"}, beside={"lock"})
    refuse_foreign(tmp_path / "none" / "yet", "search", marks={"calls"})


def test_a_file_where_a_folder_should_be_is_told(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(StoreError, match="out"):
        refuse_foreign(tmp_path / "out", "search", marks={"calls"})


def failing_in(folder, *names):
    with folder_made(folder):
        for name in names:
            (folder / name).touch(exist_ok=False)
        raise KeyError


def test_a_folder_that_a_failure_leaves_empty_goes_again_with_those_around_it(tmp_path):
    with pytest.raises(KeyError):
        failing_in(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


def test_what_was_there_or_has_content_stays(tmp_path):
    (tmp_path / "old").mkdir()
    with pytest.raises(KeyError):
        failing_in(tmp_path / "old")
    with pytest.raises(KeyError):
        failing_in(tmp_path / "new" / "b", "kept")
    assert (tmp_path / "old").is_dir()
    assert (tmp_path / "new" / "b" / "kept").exists()
