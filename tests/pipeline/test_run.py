from threading import Event

import orjson
import pytest

from omega_fast.errors import ConfigError, InputError, RunConflictError, RunLockedError, StoreDamagedError
from omega_fast.pipeline.run import run_pipeline
from omega_fast.store.files import LocalFileSystem
from omega_fast.store.lock import RunLock


def test_stages_run_in_order_and_once(commands, recipe, tmp_path):
    out = tmp_path / "out"
    first = run_pipeline(recipe(), out)
    assert (first.ran, first.done, first.failed) == (("a", "b", "c"), ("a", "b", "c"), "")
    again = run_pipeline(recipe(), out)
    assert (again.ran, again.done) == ((), ("a", "b", "c"))
    assert commands.ran == ["a", "b", "c"]


def test_a_killed_stage_is_run_again_in_its_folder_and_those_before_it_are_not(commands, recipe, tmp_path):
    out = tmp_path / "out"
    commands.killed = "b"
    with pytest.raises(SystemExit):
        run_pipeline(recipe(), out)
    assert (out / "b" / "two.part").exists()
    commands.killed = ""
    assert run_pipeline(recipe(), out).ran == ("b", "c")
    assert (out / "b" / "two.part").exists()
    assert orjson.loads((out / "stages" / "b.json").read_bytes())["starts"] == 2
    assert commands.ran == ["a", "b", "b", "c"]


def test_a_stage_that_fails_ends_the_pipeline_with_its_code_and_is_tried_again(commands, recipe, tmp_path):
    commands.codes["b"] = 7
    found = run_pipeline(recipe(), tmp_path / "out")
    assert (found.failed, found.code, found.done) == ("b", 7, ("a",))
    commands.codes.clear()
    assert run_pipeline(recipe(), tmp_path / "out").ran == ("b", "c")


def test_a_stage_that_set_things_aside_is_done_and_told(commands, recipe, tmp_path):
    commands.codes["a"] = 3
    found = run_pipeline(recipe(), tmp_path / "out")
    assert (found.partial, found.failed, found.code) == (("a",), "", 0)
    assert run_pipeline(recipe(), tmp_path / "out").partial == ("a",)


def test_a_changed_setting_is_refused_and_says_what_changed(commands, recipe, tmp_path):
    run_pipeline(recipe(), tmp_path / "out")
    with pytest.raises(RunConflictError, match=r"stage a .* its command has 2 where it had 1") as caught:
        run_pipeline(recipe(k="2"), tmp_path / "out")
    assert "--anew" in caught.value.hint
    assert commands.ran == ["a", "b", "c"]


def test_anew_keeps_what_was_there_and_makes_all_that_rests_on_it(commands, recipe, tmp_path):
    out = tmp_path / "out"
    run_pipeline(recipe(), out)
    old = (out / "a" / "one.txt").read_text()
    assert run_pipeline(recipe(k="2"), out, anew=True).ran == ("a", "b", "c")
    assert (out / "before" / "a-1" / "one.txt").read_text() == old
    assert "--k 2" in (out / "c" / "three.txt").read_text()
    assert run_pipeline(recipe(k="1"), out, anew=True).ran == ("a", "b", "c")
    assert (out / "before" / "a-2").is_dir()


def test_anew_stops_where_a_stage_makes_the_same_again(commands, recipe, tmp_path):
    commands.written = {"a": "the same"}
    run_pipeline(recipe(), tmp_path / "out")
    assert run_pipeline(recipe(k="2"), tmp_path / "out", anew=True).ran == ("a",)


def test_a_stage_in_the_middle_that_changes_leaves_those_before_it_alone(commands, recipe, tmp_path):
    run_pipeline(recipe(), tmp_path / "out")
    changed = recipe(("omega make ${here}/two.txt", "omega make --more ${here}/two.txt"))
    assert run_pipeline(changed, tmp_path / "out", anew=True).ran == ("b", "c")


def test_settings_that_change_while_a_stage_is_unfinished_are_refused(commands, recipe, tmp_path):
    commands.killed = "a"
    with pytest.raises(SystemExit):
        run_pipeline(recipe(), tmp_path / "out")
    with pytest.raises(RunConflictError, match="stage a"):
        run_pipeline(recipe(k="2"), tmp_path / "out")


def test_a_stage_that_failed_before_it_made_anything_may_be_mended(commands, recipe, tmp_path):
    commands.codes["a"] = 2
    assert run_pipeline(recipe(), tmp_path / "out").failed == "a"
    commands.codes.clear()
    assert run_pipeline(recipe(k="2"), tmp_path / "out").ran == ("a", "b", "c")


def test_words_about_a_stage_are_no_settings_of_it(commands, recipe, tmp_path):
    run_pipeline(recipe(), tmp_path / "out")
    assert run_pipeline(recipe(("makes one", "makes the one")), tmp_path / "out").ran == ()


@pytest.mark.parametrize("spoil", ["change", "remove"])
def test_an_output_that_is_not_as_it_was_made_is_named(commands, recipe, tmp_path, spoil):
    out = tmp_path / "out"
    run_pipeline(recipe(), out)
    path = out / "b" / "two.txt"
    path.write_text("mine") if spoil == "change" else path.unlink()
    with pytest.raises(RunConflictError, match=r"stage b .* output two\.txt (has changed|is gone)"):
        run_pipeline(recipe(), out)


def test_the_folder_can_be_moved(commands, recipe, tmp_path):
    run_pipeline(recipe(), tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert run_pipeline(recipe(), tmp_path / "elsewhere").ran == ()


def test_an_input_from_outside_that_changes_is_noticed(commands, recipe, tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("one")
    with_input = (("    outputs: [two.txt]", f"    inputs: ['{data}']\n    outputs: [two.txt]"),)
    run_pipeline(recipe(*with_input), tmp_path / "out")
    data.write_text("two")
    with pytest.raises(RunConflictError, match=r"stage b .* its input .*data\.txt has changed"):
        run_pipeline(recipe(*with_input), tmp_path / "out")


def test_an_input_of_the_last_stage_that_is_missing_is_told_before_the_first_runs(commands, recipe, tmp_path):
    asked = recipe(("outputs: [three.txt]", "outputs: [three.txt]\n    inputs: [no/data.txt]"))
    with pytest.raises(InputError, match=r"no/data\.txt, an input of stage c, is not there"):
        run_pipeline(asked, tmp_path / "out")
    assert commands.ran == []


def test_a_stage_that_does_not_make_what_it_declares_is_not_done(commands, recipe, tmp_path):
    wrong = recipe(("outputs: [three.txt]", "outputs: [four.txt]"))
    with pytest.raises(InputError, match=r"stage c ended well, but .*four\.txt is not there"):
        run_pipeline(wrong, tmp_path / "out")
    assert run_pipeline(recipe(), tmp_path / "out").ran == ("c",)


def test_a_folder_with_something_else_in_it_is_left_alone(commands, recipe, tmp_path):
    (tmp_path / "out" / "stages").mkdir(parents=True)
    (tmp_path / "out" / "a").mkdir()
    (tmp_path / "out" / "a" / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="no record says that stage a"):
        run_pipeline(recipe(), tmp_path / "out")
    assert commands.ran == []


def test_a_damaged_record_is_named(commands, recipe, tmp_path):
    run_pipeline(recipe(), tmp_path / "out")
    (tmp_path / "out" / "stages" / "a.json").write_text("{")
    with pytest.raises(StoreDamagedError, match=r"a\.json is no record"):
        run_pipeline(recipe(), tmp_path / "out")


def test_two_pipelines_do_not_write_one_folder(commands, recipe, tmp_path):
    (tmp_path / "out").mkdir()
    lock = RunLock(tmp_path / "out" / "lock", LocalFileSystem())
    try:
        with pytest.raises(RunLockedError):
            run_pipeline(recipe(), tmp_path / "out")
    finally:
        lock.release()
    assert commands.ran == []


def test_until_ends_after_a_stage(commands, recipe, tmp_path):
    found = run_pipeline(recipe(), tmp_path / "out", until="b")
    assert (found.ran, found.done) == (("a", "b"), ("a", "b"))
    assert run_pipeline(recipe(), tmp_path / "out").ran == ("c",)
    with pytest.raises(ConfigError, match="no stage 'd'"):
        run_pipeline(recipe(), tmp_path / "out", until="d")


def test_a_stop_begins_no_further_stage(commands, recipe, tmp_path):
    stop = Event()
    stop.set()
    found = run_pipeline(recipe(), tmp_path / "out", stop=stop)
    assert (found.ran, found.failed, found.code) == ((), "a", 130)
    assert commands.ran == []


def test_a_wrong_command_in_the_last_stage_is_told_before_the_first_is_run(commands, recipe, tmp_path):
    with pytest.raises(ConfigError, match="stage c is wrong: no such flag"):
        run_pipeline(
            recipe(), tmp_path / "out", check=lambda words: "no such flag" if "three" in words[1] else ""
        )
    assert commands.ran == []
    with pytest.raises(ConfigError, match="--json is the pipeline's own"):
        run_pipeline(recipe(("three.txt ${b}", "three.txt --json ${b}")), tmp_path / "out")


def test_what_a_command_prints_is_kept_with_its_record(commands, recipe, tmp_path):
    run_pipeline(recipe(), tmp_path / "out")
    record = orjson.loads((tmp_path / "out" / "stages" / "a.json").read_bytes())
    assert record["result"]["share"]["value"] == 0.5
    assert (record["state"], record["seconds"], record["cpu_seconds"]) == ("done", 1.0, 0.5)


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(commands, recipe, tmp_path):
    page = tmp_path / "out" / "README.md"
    page.parent.mkdir()
    page.write_text("my own")
    with pytest.raises(RunConflictError, match="holds no pipeline"):
        run_pipeline(recipe(), tmp_path / "out")
    assert page.read_text() == "my own"
    assert commands.ran == []
