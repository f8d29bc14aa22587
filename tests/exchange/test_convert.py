import json
from pathlib import Path

import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange import convert, detect
from omega_fast.store.formats import FORMATS, ExportOptions, LabelledSolution
from omega_fast.store.formats.labelled import solutions_of
from tests.store.formats.trees import artifacts

TARGETS = [name for name, each in FORMATS.items() if each.from_solution is not None]
SOURCES = [name for name, each in FORMATS.items() if each.to_solutions is not None]
KNOW_OUTCOMES = {"ce", "verl", "processbench", "grounded-samples", "grounded-paths"}
UNLABELLED_PATHS = {"grounded-tree"}
SOLUTION = LabelledSolution("Q", ("a\n", "b"), (True, False), (0.75, 0.0), "4", "q-1", "m", False)


def refused(done) -> list[dict]:
    return [json.loads(line) for line in done.quarantine.read_bytes().splitlines()]


def written(path: Path, name: str) -> Path:
    chosen = FORMATS[name]
    if chosen.from_solution is None:
        chosen.write(path, [artifacts()], ExportOptions(seed=1))
    else:
        chosen.write_rows(path, chosen.from_solution(SOLUTION))
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_known_by_its_first_row(tmp_path, name):
    path = tmp_path / "rows.jsonl"
    FORMATS[name].write(path, [artifacts()], ExportOptions(seed=1))
    assert detect(path).name == name


def test_lines_before_the_first_good_row_do_not_hinder_detection(tmp_path):
    path = written(tmp_path / "rows.jsonl", "trl")
    path.write_bytes(b"{\n{}\n" + path.read_bytes())
    assert detect(path).name == "trl"


def test_a_file_without_rows_is_said_to_have_none(tmp_path):
    (tmp_path / "rows.jsonl").write_text("\n\n")
    with pytest.raises(InputError, match="has no rows"):
        detect(tmp_path / "rows.jsonl")
    (tmp_path / "rows.jsonl").write_text("{\n")
    with pytest.raises(InputError, match="no row is of a known format"):
        detect(tmp_path / "rows.jsonl")


def test_a_field_that_a_row_lacks_is_named_in_words(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"prompt": "Q"}\n')
    done = convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", to="steps", from_="trl")
    assert refused(done)[0]["reason"] == "is not in format trl: it lacks 'labels'"


def test_a_file_of_no_known_format_is_refused(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"x": 1}\n')
    with pytest.raises(InputError, match="no row is of a known format"):
        detect(tmp_path / "rows.jsonl")


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("origin", SOURCES)
def test_every_format_that_is_read_becomes_every_one_made_of_solutions(tmp_path, origin, to):
    source = written(tmp_path / "in.jsonl", origin)
    done = convert(source, tmp_path / "out.jsonl", to=to, threshold=0.5)
    assert (done.source, done.target) == (origin, to)
    missing = (origin == "ce" and to not in {"ce", "verl"}) or (to == "ce" and origin not in KNOW_OUTCOMES)
    assert (done.rows == 0) == missing
    assert bool(done.quarantined) == (missing or (origin in UNLABELLED_PATHS and to not in {"verl", "steps"}))
    assert len(list(FORMATS[to].read(tmp_path / "out.jsonl"))) == done.rows


def test_labels_arrive_unchanged(tmp_path):
    source = written(tmp_path / "in.jsonl", "verl")
    convert(source, tmp_path / "out.parquet", to="trl")
    (row,) = FORMATS["trl"].read(tmp_path / "out.parquet")
    assert (row.completions, row.labels, row.soft_labels) == (("a\n", "b"), (True, False), (0.75, 0.0))


def test_samples_become_the_solutions_they_were_sampled_from(tmp_path):
    FORMATS["samples"].write(tmp_path / "in.jsonl", [artifacts()], ExportOptions(seed=1))
    found = [each for _, each in FORMATS["samples"].read_solutions(tmp_path / "in.jsonl")]
    steps = {each.steps for each in found}
    assert all(each.steps in steps for each in solutions_of(artifacts()))
    assert {each.question_id for each in found} == {"q-1"}


def test_without_a_threshold_soft_labels_make_no_hard_ones(tmp_path):
    source = written(tmp_path / "in.jsonl", "flat")
    done = convert(source, tmp_path / "out.jsonl", to="math-shepherd")
    assert done.rows == 0
    assert done.quarantined > 0
    assert done.quarantine == tmp_path / "out.jsonl.quarantine.jsonl"
    assert {"its first step has no hard label" in line["reason"] for line in refused(done)} == {True}


def test_bad_rows_are_set_aside_by_line_and_the_rest_goes_on(tmp_path):
    path = written(tmp_path / "in.jsonl", "processbench")
    good = path.read_bytes()
    bad = [b"{", b"\xff", b"[]", b'{"id": "x"}', good.strip().replace(b'"label":1', b'"label":2')]
    path.write_bytes(good + b"\n".join(bad) + b"\n\n" + good)
    done = convert(path, tmp_path / "out.jsonl", to="trl")
    assert (done.rows, done.quarantined) == (2, 5)
    lines = refused(done)
    assert [line["line"] for line in lines] == [2, 3, 4, 5, 6]
    assert [line["reason"][:12] for line in lines] == ["is not JSON:"] * 2 + ["is not an ob"] + [
        "is not in fo"
    ] * 2
    assert lines[0]["row"] == "{"
    assert lines[1]["row"] == "\\xff"
    assert lines[4]["row"]["problem"] == "Q"


@pytest.mark.parametrize("suffix", [".json", ".csv", ".parquet"])
def test_bad_rows_of_other_kinds_of_files_are_numbered_too(tmp_path, suffix):
    path = tmp_path / f"in{suffix}"
    rows = [{"prefix": "Q", "step": "s", "value": value} for value in (0.5, 7.0, 1.0)]
    if suffix == ".json":
        path.write_text(json.dumps(rows))
    elif suffix == ".csv":
        path.write_text('prefix,step,value\n"Q","s\n",0.5\nQ,s,7\nQ,s,1\n')
    else:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)
    done = convert(path, tmp_path / "out.jsonl", to="verl", from_="steps")
    assert (done.rows, done.quarantined) == (2, 1)
    (line,) = refused(done)
    assert line["line"] == (4 if suffix == ".csv" else 2)


def test_a_solution_that_the_target_cannot_carry_is_set_aside(tmp_path):
    odd = LabelledSolution("What does Step 1: say?", ("a",), (True,), (None,))
    FORMATS["verl"].write_rows(tmp_path / "in.jsonl", [odd, SOLUTION])
    done = convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", to="rlhflow")
    assert (done.rows, done.quarantined) == (1, 1)
    assert "marks the end of the question" in done.quarantine.read_text()


def test_a_quarantine_of_an_earlier_conversion_goes_away(tmp_path):
    stale = tmp_path / "out.jsonl.quarantine.jsonl"
    stale.write_text("old")
    done = convert(written(tmp_path / "in.jsonl", "trl"), tmp_path / "out.jsonl", to="steps")
    assert done.quarantine is None
    assert not stale.exists()


def test_an_unusable_row_that_is_not_json_at_all_can_be_written_down(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"prefix": "Q", "step": "s", "value": float("nan")}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    done = convert(tmp_path / "in.parquet", tmp_path / "out.jsonl", to="verl", from_="steps")
    assert json.loads(done.quarantine.read_text())["row"]["value"] == "nan"


def test_the_same_format_is_copied_whole_into_another_kind_of_file(tmp_path):
    FORMATS["samples"].write(tmp_path / "in.jsonl", [artifacts()], ExportOptions(seed=1))
    convert(tmp_path / "in.jsonl", tmp_path / "out.parquet", to="samples")
    assert list(FORMATS["samples"].read(tmp_path / "out.parquet")) == list(
        FORMATS["samples"].read(tmp_path / "in.jsonl")
    )


def test_a_format_that_needs_a_tree_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs more than labelled solutions"):
        convert(written(tmp_path / "in.jsonl", "trl"), tmp_path / "out.jsonl", to="tree")
    with pytest.raises(ConfigError, match="unknown format 'what'"):
        convert(written(tmp_path / "in.jsonl", "trl"), tmp_path / "out.jsonl", to="what")


def test_the_input_is_never_overwritten(tmp_path):
    path = written(tmp_path / "in.jsonl", "trl")
    with pytest.raises(ConfigError, match="one file"):
        convert(path, path, to="steps")
    with pytest.raises(InputError, match="absent"):
        convert(tmp_path / "absent.jsonl", tmp_path / "out.jsonl", to="steps")


def test_a_folder_does_not_get_what_is_made_of_it(tmp_path):
    (tmp_path / "in").mkdir()
    written(tmp_path / "in/rows.jsonl", "trl")
    with pytest.raises(ConfigError, match="lies in the input"):
        convert(tmp_path / "in", tmp_path / "in/out.jsonl", to="steps")


def test_a_data_set_saved_to_disk_is_read(tmp_path):
    import pyarrow as pa

    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-0.arrow"}]}))
    table = pa.Table.from_pylist([{"prompt": "Q", "completions": ["a"], "labels": [True]}] * 3)
    with (
        pa.OSFile(str(folder / "data-0.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as stream,
    ):
        stream.write_table(table)
    assert convert(folder, tmp_path / "out.jsonl", to="processbench").rows == 3
    (folder / "dataset_dict.json").write_text("{}")
    with pytest.raises(InputError, match="several splits"):
        convert(folder, tmp_path / "out.jsonl", to="processbench")


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    source = written(tmp_path / "in.jsonl", "trl")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/notes.txt").write_text("keep")
    with pytest.raises(InputError, match="holds something else"):
        convert(source, tmp_path / "precious", to="verl")
    assert [path.name for path in (tmp_path / "precious").iterdir()] == ["notes.txt"]


def test_a_saved_data_set_is_replaced_whole(tmp_path):
    source = written(tmp_path / "in.jsonl", "trl")
    for to in ("verl", "steps"):
        convert(source, tmp_path / "saved", to=to)
    assert detect(tmp_path / "saved").name == "steps"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "saved"]
