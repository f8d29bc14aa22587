import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange import merge, split
from omega_fast.store.formats import FORMATS, ExportOptions
from omega_fast.store.formats.files import read_rows
from tests.store.formats.trees import artifacts, content


def export(path, question_id, name="samples"):
    from omega_fast.store import Artifacts

    question = {**content()["question"], "id": question_id, "problem": f"What is {question_id}?"}
    FORMATS[name].write(
        path, [Artifacts.from_json({**content(), "question": question})], ExportOptions(seed=1)
    )
    return path


def rows(path):
    return [row for _, row in read_rows(path)]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
@pytest.mark.parametrize("name", ["samples", "trl"])
def test_parts_become_one_file_in_order(tmp_path, name, suffix):
    parts = [export(tmp_path / f"{part}{suffix}", part, name) for part in ("a", "b")]
    done = merge(tmp_path / f"all{suffix}", parts)
    assert rows(tmp_path / f"all{suffix}") == rows(parts[0]) + rows(parts[1])
    assert done.rows == len(rows(parts[0])) * 2


def test_csv_parts_become_one_sheet(tmp_path):
    parts = [export(tmp_path / f"{part}.csv", part, "ce") for part in ("a", "b")]
    merge(tmp_path / "all.csv", parts)
    assert list(FORMATS["ce"].read(tmp_path / "all.csv")) == [
        row for part in parts for row in FORMATS["ce"].read(part)
    ]


def test_a_question_in_two_parts_is_refused_by_place(tmp_path):
    parts = [export(tmp_path / "1.jsonl", "a"), export(tmp_path / "2.jsonl", "a")]
    with pytest.raises(InputError, match=r"2\.jsonl line 1 is of a question that .*1\.jsonl has too"):
        merge(tmp_path / "all.jsonl", parts)
    assert not (tmp_path / "all.jsonl").exists()


def test_parts_that_number_different_questions_alike_are_merged(tmp_path):
    for number, text in enumerate(("Q", "R"), 1):
        (tmp_path / f"{number}.jsonl").write_text(f'{{"question_id": 1, "question": "{text}"}}\n')
    assert merge(tmp_path / "all.jsonl", [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]).rows == 2


def test_the_rows_of_later_parts_can_be_dropped(tmp_path):
    parts = [
        export(tmp_path / "1.jsonl", "a"),
        export(tmp_path / "2.jsonl", "a"),
        export(tmp_path / "3.jsonl", "b"),
    ]
    done = merge(tmp_path / "all.jsonl", parts, duplicates="drop")
    assert rows(tmp_path / "all.jsonl") == rows(parts[0]) + rows(parts[2])
    assert done.dropped == len(rows(parts[1]))


def test_a_file_with_several_rows_of_a_question_comes_back_whole_after_a_split(tmp_path):
    whole = export(tmp_path / "all.jsonl", "a")
    parts = split(whole, tmp_path / "parts", 2).paths
    with pytest.raises(InputError) as refused:
        merge(tmp_path / "again.jsonl", parts)
    assert refused.value.hint is not None
    assert "--duplicates keep" in refused.value.hint
    done = merge(tmp_path / "again.jsonl", parts, duplicates="keep")
    assert done.dropped == 0
    assert rows(tmp_path / "again.jsonl") == rows(whole)


def test_what_was_split_is_merged_to_the_same_rows(tmp_path):
    FORMATS["flat"].write(tmp_path / "q.jsonl", [artifacts()])
    extra = export(tmp_path / "other.jsonl", "q-2", "flat")
    (tmp_path / "q.jsonl").write_bytes((tmp_path / "q.jsonl").read_bytes() + extra.read_bytes())
    merge(tmp_path / "again.jsonl", split(tmp_path / "q.jsonl", tmp_path / "parts", 2).paths)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "q.jsonl").read_bytes()


def test_what_cannot_be_merged_is_said(tmp_path):
    part = export(tmp_path / "a.jsonl", "a")
    with pytest.raises(ConfigError, match="is one of the parts"):
        merge(part, [part])
    with pytest.raises(ConfigError, match="nothing to merge"):
        merge(tmp_path / "all.jsonl", [])
    with pytest.raises(ConfigError, match="needs columns"):
        merge(tmp_path / "all.parquet", [part])
    (tmp_path / "b.jsonl").write_text('{"x": 1}\n')
    with pytest.raises(InputError, match="line 1 names no question"):
        merge(tmp_path / "all.jsonl", [tmp_path / "b.jsonl"])
