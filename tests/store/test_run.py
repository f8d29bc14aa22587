import pytest

from omega_fast.errors import InputError, RunConflictError, StoreDamagedError, StoreError
from omega_fast.store import RunDirectory, StoreOptions, verify
from omega_fast.store.manifest import read_manifest
from tests.store.helpers import IDENTITY, Clock, open_run, small_segments, values, write_values


def test_records_come_back_in_order_with_their_numbers(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.append("rollout", {"text": "a\n\nb", "tokens": [1, 2]})
        run.append("verdict", {"right": True, "answer": None})
    records = list(RunDirectory.read(tmp_path / "run").records())
    assert [(record.n, record.kind) for record in records] == [(0, "config"), (1, "rollout"), (2, "verdict")]
    assert records[1].body == {"text": "a\n\nb", "tokens": [1, 2]}
    assert records[2].body == {"right": True, "answer": None}


def test_only_the_kinds_asked_for_are_read(tmp_path):
    with open_run(tmp_path / "run") as run:
        for number in range(6):
            run.append("even" if number % 2 == 0 else "odd", {"number": number})
    read = RunDirectory.read(tmp_path / "run").records({"odd"})
    assert [record.body["number"] for record in read] == [1, 3, 5]


@pytest.mark.parametrize("text", ["", "\x00", "\u2028", "😀", "\r\n", '"\\', "x" * 1_000_000, "ﷺ\u0301"])
def test_any_valid_unicode_is_kept_byte_for_byte(tmp_path, text):
    with open_run(tmp_path / "run") as run:
        run.append("value", {"value": text})
    assert values(tmp_path / "run") == [text]


@pytest.mark.parametrize(
    "body",
    [
        {"text": "a\ud800b"},
        {"mc": float("nan")},
        {"deep": [{"mc": float("inf"), "none": None}]},
        {"set": {1}},
        {1: "key"},
        {"big": 1 << 70},
    ],
)
def test_a_body_that_json_cannot_carry_is_refused_and_the_run_goes_on(tmp_path, body):
    with open_run(tmp_path / "run") as run:
        with pytest.raises(InputError, match=r"record 1 \(value\) cannot be stored"):
            run.append("value", body)
        run.append("value", {"value": 7})
    assert values(tmp_path / "run") == [7]


def test_a_refused_number_is_named_by_its_place(tmp_path):
    with open_run(tmp_path / "run") as run, pytest.raises(InputError, match=r"body\.nodes\[1\]\.mc is NaN"):
        run.append("value", {"nodes": [{"mc": None}, {"mc": float("nan")}]})


@pytest.mark.parametrize("kind", ["", "Upper", 'a"b', "a b", "1st"])
def test_a_kind_that_is_no_plain_name_is_refused(tmp_path, kind):
    with open_run(tmp_path / "run") as run, pytest.raises(InputError, match="not a kind of record"):
        run.append(kind, {})


def test_nothing_is_acknowledged_before_a_commit(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.append("value", {"value": 0})
        assert run.acknowledged == 1
        assert values(tmp_path / "run") == []
        run.commit()
        assert run.acknowledged == 2
        assert values(tmp_path / "run") == [0]


def test_a_full_group_commits_by_itself(tmp_path):
    with open_run(tmp_path / "run", options=StoreOptions(group_lines=4)) as run:
        for value in range(9):
            run.append("value", {"value": value})
        assert values(tmp_path / "run") == list(range(8))


def test_an_old_group_commits_at_the_next_tick(tmp_path):
    clock = Clock()
    with open_run(tmp_path / "run", clock=clock) as run:
        run.append("value", {"value": 0})
        clock.now = 0.049
        run.tick()
        assert values(tmp_path / "run") == []
        clock.now = 0.051
        run.tick()
        assert values(tmp_path / "run") == [0]


def test_an_old_group_commits_at_the_next_append(tmp_path):
    clock = Clock()
    with open_run(tmp_path / "run", clock=clock) as run:
        run.append("value", {"value": 0})
        clock.now = 0.06
        run.append("value", {"value": 1})
        assert run.acknowledged == 3


def test_a_run_goes_on_where_it_stopped(tmp_path):
    write_values(tmp_path / "run", 5)
    write_values(tmp_path / "run", 5, start=5)
    assert values(tmp_path / "run") == list(range(10))
    assert verify(tmp_path / "run").ok


@pytest.mark.parametrize("compress", [False, True])
def test_segments_are_closed_at_their_size_and_read_as_one(tmp_path, compress):
    options = small_segments(compress=compress)
    write_values(tmp_path / "run", 20, options=options)
    write_values(tmp_path / "run", 20, start=20, options=options)
    segments = sorted(path.name for path in (tmp_path / "run" / "log").iterdir())
    assert len(segments) > 5
    assert {name.endswith(".zst") for name in segments[:-1]} == {compress}
    assert values(tmp_path / "run") == list(range(40))
    manifest = read_manifest(tmp_path / "run" / "manifest.json")
    assert [reach.closed for reach in manifest.segments] == [True] * (len(segments) - 1) + [False]
    assert sum(reach.lines for reach in manifest.segments) == 41


def test_a_reader_needs_no_lock_and_sees_what_is_committed(tmp_path):
    with open_run(tmp_path / "run", options=small_segments()) as run:
        view = RunDirectory.read(tmp_path / "run")
        for value in range(12):
            run.append("value", {"value": value})
            run.commit()
            assert [record.body["value"] for record in view.records({"value"})] == list(range(value + 1))


def test_a_reader_stops_at_the_last_complete_line(tmp_path):
    write_values(tmp_path / "run", 3)
    with (tmp_path / "run" / "log" / "000001.jsonl").open("ab") as file:
        file.write(b'{"n":4,"kind":"val')
    assert values(tmp_path / "run") == [0, 1, 2]


def test_the_first_record_and_the_manifest_hold_the_configuration(tmp_path):
    settings = {"extensible": {"budget": 200}, "operational": {"slots": 8}, "fingerprints": {"policy": "abc"}}
    open_run(tmp_path / "run", **settings).close()
    first = next(RunDirectory.read(tmp_path / "run").records())
    configuration = RunDirectory.read(tmp_path / "run").manifest.configuration
    assert first.body["identity"] == configuration.identity == IDENTITY
    assert first.body["extensible"] == configuration.extensible == {"budget": 200}
    assert first.body["fingerprints"] == configuration.fingerprints == {"policy": "abc"}


def test_a_changed_identity_is_refused_field_by_field(tmp_path):
    open_run(tmp_path / "run", identity={"search": {"k": 16, "alpha": 0.5}, "seed": 1}).close()
    with pytest.raises(RunConflictError) as caught:
        open_run(tmp_path / "run", identity={"search": {"k": 8, "alpha": 0.5}, "split": "\n"})
    assert "search.k: run has 16, you asked for 8" in str(caught.value)
    assert "seed: run has 1, you asked for nothing" in str(caught.value)
    assert 'split: run has nothing, you asked for "\\n"' in str(caught.value)
    assert "alpha" not in str(caught.value)


def test_true_is_another_identity_than_one(tmp_path):
    open_run(tmp_path / "run", identity={"greedy": 1}).close()
    with pytest.raises(RunConflictError, match="greedy: run has 1, you asked for true"):
        open_run(tmp_path / "run", identity={"greedy": True})


def test_a_refused_start_leaves_the_run_free_and_unchanged(tmp_path):
    write_values(tmp_path / "run", 2)
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    with pytest.raises(RunConflictError):
        open_run(tmp_path / "run", identity={})
    assert (tmp_path / "run" / "manifest.json").read_bytes() == before
    write_values(tmp_path / "run", 1, start=2)
    assert values(tmp_path / "run") == [0, 1, 2]


def test_budgets_and_engines_may_change_and_the_log_says_so(tmp_path):
    open_run(tmp_path / "run", extensible={"budget": 100}, operational={"slots": 8}).close()
    open_run(tmp_path / "run", extensible={"budget": 200}, operational={"slots": 8}).close()
    configs = [record.body for record in RunDirectory.read(tmp_path / "run").records({"config"})]
    assert configs[1]["changes"] == ["budget: run has 100, you asked for 200"]
    assert RunDirectory.read(tmp_path / "run").manifest.configuration.extensible == {"budget": 200}


def test_what_is_not_asked_for_stays_as_it_was(tmp_path):
    open_run(tmp_path / "run", extensible={"budget": 100}, operational={"slots": 8}).close()
    open_run(tmp_path / "run").close()
    kept = RunDirectory.read(tmp_path / "run").manifest.configuration
    assert (kept.extensible, kept.operational) == ({"budget": 100}, {"slots": 8})
    assert verify(tmp_path / "run").kinds == {"config": 1}


def test_an_unchanged_configuration_adds_no_record(tmp_path):
    for _ in range(3):
        open_run(tmp_path / "run", extensible={"budget": 100}, identity={"pair": (1, 2)}).close()
    assert verify(tmp_path / "run").kinds == {"config": 1}


def test_a_known_fingerprint_cannot_change_and_a_new_one_is_added(tmp_path):
    open_run(tmp_path / "run", fingerprints={"policy": "abc"}).close()
    open_run(tmp_path / "run", fingerprints={"verifier": "v1"}).close()
    with pytest.raises(RunConflictError, match=r'fingerprints\.policy: run has "abc", you asked for "xyz"'):
        open_run(tmp_path / "run", fingerprints={"policy": "xyz"})
    kept = RunDirectory.read(tmp_path / "run").manifest.configuration.fingerprints
    assert kept == {"policy": "abc", "verifier": "v1"}


def test_a_lost_manifest_is_rebuilt_from_the_log(tmp_path):
    write_values(tmp_path / "run", 3, extensible={"budget": 9})
    (tmp_path / "run" / "manifest.json").unlink()
    with open_run(tmp_path / "run", extensible={"budget": 9}) as run:
        assert run.recovery.manifest_rebuilt
    assert RunDirectory.read(tmp_path / "run").manifest.configuration.identity == IDENTITY
    assert values(tmp_path / "run") == [0, 1, 2]


def test_a_rebuilt_manifest_still_guards_the_identity(tmp_path):
    write_values(tmp_path / "run", 1)
    (tmp_path / "run" / "manifest.json").unlink()
    with pytest.raises(RunConflictError):
        open_run(tmp_path / "run", identity={"method": "mcts"})


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 1}', b"\xff", b'{"format": "x"}'])
def test_a_damaged_manifest_is_refused_and_named(tmp_path, content):
    write_values(tmp_path / "run", 1)
    (tmp_path / "run" / "manifest.json").write_bytes(content)
    with pytest.raises(StoreDamagedError, match=r"manifest\.json is not a manifest"):
        open_run(tmp_path / "run")


def test_a_run_of_a_later_format_is_refused(tmp_path):
    write_values(tmp_path / "run", 1)
    path = tmp_path / "run" / "manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(StoreError, match="has format 99"):
        open_run(tmp_path / "run")


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StoreError, match="neither a run nor empty"):
        open_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_reading_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(StoreError, match="not a run directory"):
        RunDirectory.read(tmp_path)
    with pytest.raises(StoreError, match="not a run directory"):
        verify(tmp_path)


def test_a_closed_run_takes_no_more(tmp_path):
    run = open_run(tmp_path / "run")
    run.close()
    run.close()
    with pytest.raises(StoreError, match="closed"):
        run.append("value", {"value": 1})


def test_verify_counts_the_records_by_kind(tmp_path):
    write_values(tmp_path / "run", 5, options=small_segments())
    report = verify(tmp_path / "run")
    assert report.ok
    assert report.records == 6
    assert report.kinds == {"config": 1, "value": 5}
    assert sum(reach.lines for reach in report.segments) == 6


def test_verify_says_when_the_manifest_is_gone(tmp_path):
    write_values(tmp_path / "run", 5)
    (tmp_path / "run" / "manifest.json").unlink()
    report = verify(tmp_path / "run")
    assert "manifest.json" in report.damage
    assert report.records == 6


def test_recovery_tells_a_new_run_from_an_old_one(tmp_path):
    with open_run(tmp_path / "run") as run:
        assert run.recovery.created
    with open_run(tmp_path / "run") as run:
        assert not run.recovery.created
        assert run.recovery.records == 1
        assert run.recovery.torn_tail is None


def test_settings_on_trial_are_recorded_when_accepted_and_not_before(tmp_path):
    open_run(tmp_path / "run", extensible={"budget": 1}).close()
    with open_run(tmp_path / "run", extensible={"budget": 2}, on_trial=True) as run:
        run.append("value", {"value": 1})
    with open_run(tmp_path / "run") as run:
        assert run.manifest.configuration.extensible == {"budget": 1}
    with open_run(tmp_path / "run", extensible={"budget": 2}, on_trial=True) as run:
        run.accept()
        run.accept()
    assert RunDirectory.read(tmp_path / "run").manifest.configuration.extensible == {"budget": 2}
    assert [each.kind for each in RunDirectory.read(tmp_path / "run").records()].count("config") == 2


def test_a_new_run_on_trial_begins_with_its_settings(tmp_path):
    open_run(tmp_path / "run", extensible={"budget": 2}, on_trial=True).close()
    assert RunDirectory.read(tmp_path / "run").manifest.configuration.extensible == {"budget": 2}
