import pytest
from hypothesis import given
from hypothesis import strategies as st

from omega_fast.store.files import safe_name
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
