import orjson
import pytest

from omega_fast.errors import InputError
from omega_fast.store.formats import FORMATS, ExportOptions
from omega_fast.store.formats.files import read_rows
from tests.store.formats.trees import artifacts

CHOICES = [ExportOptions(), ExportOptions(seed=2**63, prefix_as="pair", text="cumulative")]
WRITABLE = [(name, suffix) for name, each in FORMATS.items() for suffix in each.suffixes]


@pytest.mark.parametrize("options", CHOICES)
@pytest.mark.parametrize(("name", "suffix"), WRITABLE)
def test_rows_written_are_the_rows_read_back(tmp_path, name, suffix, options):
    chosen = FORMATS[name]
    path = tmp_path / f"rows{suffix}"
    rows = list(chosen.project(artifacts(), options))
    assert chosen.write(path, [artifacts(), artifacts()], options) == 2 * len(rows) > 0
    assert list(chosen.read(path)) == rows + rows


@pytest.mark.parametrize(("name", "suffix"), WRITABLE)
def test_no_questions_make_a_file_of_no_rows(tmp_path, name, suffix):
    path = tmp_path / f"rows{suffix}"
    assert FORMATS[name].write(path, []) == 0
    assert list(FORMATS[name].read(path)) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_can_be_listed(name):
    assert FORMATS[name].name == name
    assert FORMATS[name].description
    assert ".jsonl" in FORMATS[name].suffixes


@pytest.mark.parametrize("name", FORMATS)
def test_a_suffix_that_a_format_does_not_have_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=rf"format {name} cannot be written to rows\.xml"):
        FORMATS[name].write(tmp_path / "rows.xml", [artifacts()])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_old_file(tmp_path):
    def failing():
        yield artifacts()
        raise ZeroDivisionError

    path = tmp_path / "rows.jsonl"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        FORMATS["samples"].write(path, failing())
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["rows.jsonl"]


def test_an_export_does_not_write_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (tmp_path / "rows.jsonl").symlink_to(outside)
    FORMATS["samples"].write(tmp_path / "rows.jsonl", [artifacts()])
    assert outside.read_text() == "precious"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"question": 1}', b"\xff", b"NaN"])
def test_a_bad_row_is_named_by_its_line(tmp_path, name, line):
    path = tmp_path / "rows.jsonl"
    FORMATS[name].write(path, [artifacts()])
    count = path.read_bytes().count(b"\n")
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(InputError, match=rf"rows\.jsonl line {count + 1} "):
        list(FORMATS[name].read(path))


def test_a_file_of_another_format_is_refused(tmp_path):
    FORMATS["tree"].write(tmp_path / "rows.jsonl", [artifacts()])
    with pytest.raises(InputError, match=r"not in format flat.*are a tree"):
        list(FORMATS["flat"].read(tmp_path / "rows.jsonl"))
    FORMATS["flat"].write(tmp_path / "rows.jsonl", [artifacts()])
    with pytest.raises(InputError, match=r"not in format tree.*are a list"):
        list(FORMATS["tree"].read(tmp_path / "rows.jsonl"))


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_a_missing_file_is_named(tmp_path, suffix):
    with pytest.raises(InputError, match=r"cannot read .*absent"):
        list(FORMATS["samples"].read(tmp_path / f"absent{suffix}"))


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="is not a Parquet file"):
        list(FORMATS["trl"].read(tmp_path / "rows.parquet"))


def test_a_json_file_is_one_list(tmp_path):
    FORMATS["flat"].write(tmp_path / "rows.json", [artifacts(), artifacts()])
    assert len(orjson.loads((tmp_path / "rows.json").read_bytes())) == 2
    (tmp_path / "rows.json").write_text('"question"')
    with pytest.raises(InputError, match="not a list of rows"):
        list(FORMATS["flat"].read(tmp_path / "rows.json"))


def test_a_json_file_of_one_object_is_one_row_named_after_the_file(tmp_path):
    FORMATS["trl"].write(tmp_path / "rows.jsonl", [artifacts()])
    first = orjson.loads((tmp_path / "rows.jsonl").read_bytes().split(b"\n")[0])
    del first["question_id"]
    (tmp_path / "q.json").write_text("\ufeff \n" + orjson.dumps(first).decode())
    ((place, row),) = read_rows(tmp_path / "q.json")
    assert (str(place), row["question_id"]) == (f"{tmp_path / 'q.json'} row 1", "q")
    assert len(list(FORMATS["trl"].read(tmp_path / "q.json"))) == 1


def test_lines_in_a_file_called_json_are_refused_with_their_kind(tmp_path):
    (tmp_path / "rows.json").write_text('{"question": "x"}\n{"question": "y"}\n')
    with pytest.raises(InputError, match=r"rows\.json row 1 is not JSON.*one row a line is \.jsonl"):
        list(FORMATS["flat"].read(tmp_path / "rows.json"))
