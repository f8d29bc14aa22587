"""The same call again: what may change from one start to the next, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import orjson
import pytest

from omega_fast.errors import ConfigError, InputError, RunConflictError
from omega_fast.jobs import annotate, status
from omega_fast.jobs.annotate import run_config
from omega_fast.records import Solution
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, draws, records, settings

LARGE = {"rollout_budget": 40, "max_search_count": 9}


@pytest.mark.parametrize(
    "changes", [{"rollout_budget": 40}, {"max_search_count": 9}, LARGE, {"token_budget": 2000}]
)
def test_a_run_with_larger_budgets_goes_on_to_what_a_fresh_run_with_them_says(tmp_path, changes):
    annotated(tmp_path / "grown", rollout_budget=12, max_search_count=2, token_budget=600)
    before = draws(tmp_path / "grown")
    annotated(tmp_path / "grown", **{"token_budget": 600, **changes})
    annotated(tmp_path / "fresh", **{"token_budget": 600, **changes})
    assert artifacts(tmp_path / "grown") == artifacts(tmp_path / "fresh")
    assert before.keys() < draws(tmp_path / "grown").keys()
    assert set(draws(tmp_path / "grown").values()) == {1}


def test_a_run_with_more_questions_goes_on_to_what_a_fresh_run_with_them_says(tmp_path):
    asked = tmp_path / "asked.jsonl"
    rows = [{"id": each.id, "problem": each.problem, "answer": each.answer} for each in questions(6)]
    asked.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    for run, limits in (("grown", [2, 4, None]), ("fresh", [None])):
        for limit in limits:
            config = settings(tmp_path / run, question_file=str(asked), limit=limit)
            summary = annotate(config, backend=FakeEngine(Knobs(shuffle=limit)))
            assert summary.questions == (limit or 6)
    assert artifacts(tmp_path / "grown") == artifacts(tmp_path / "fresh")


def test_a_budget_may_shrink_again_and_labels_follow(tmp_path):
    annotated(tmp_path / "run")
    small = artifacts(tmp_path / "run")
    annotated(tmp_path / "run", **LARGE)
    assert artifacts(tmp_path / "run") != small
    engine = FakeEngine()
    annotated(tmp_path / "run", engine)
    assert engine.submitted == 0
    assert artifacts(tmp_path / "run") == small


@pytest.mark.parametrize(
    ("large", "small", "said"),
    [
        ({"rollout_budget": 40}, {"rollout_budget": 12}, "rollout_budget was 40 and is 12 now"),
        ({"max_search_count": 9}, {"max_search_count": 2}, "max_search_count was 9 and is 2 now"),
        ({}, {"token_budget": 600}, "token_budget was unlimited and is 600 now"),
    ],
)
def test_a_budget_that_shrinks_is_said(tmp_path, large, small, said):
    before = annotated(tmp_path / "run", **large)
    assert not [line for line in before.warnings if "brings them back" in line]
    (line,) = [line for line in annotated(tmp_path / "run", **small).warnings if "brings them back" in line]
    assert said in line
    again = annotated(tmp_path / "run", **large)
    assert not [line for line in again.warnings if "brings them back" in line]


def test_a_limit_below_what_the_run_has_is_said(tmp_path):
    asked = tmp_path / "asked.jsonl"
    rows = [{"id": each.id, "problem": each.problem, "answer": each.answer} for each in questions(4)]
    asked.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    first = annotate(settings(tmp_path / "run", question_file=str(asked), limit=3), backend=FakeEngine())
    assert not [line for line in first.warnings if "limit" in line]
    fewer = annotate(settings(tmp_path / "run", question_file=str(asked), limit=2), backend=FakeEngine())
    assert fewer.questions == 3
    assert "limit 2 is less than what the run has, 3 questions" in " ".join(fewer.warnings)


def test_a_start_that_is_refused_leaves_no_settings_behind(tmp_path, checker):
    annotated(tmp_path / "run")
    before = run_config(tmp_path / "run")
    log = (tmp_path / "run/log/000001.jsonl").read_bytes()
    other = checker("other", "return True")
    with pytest.raises(RunConflictError, match="another verifier"):
        annotated(tmp_path / "run", verifier=other, slots=3, **LARGE)
    asked = [replace(questions(1)[0], problem="4 steps, please")]
    with pytest.raises(InputError, match="is not the one"):
        annotated(tmp_path / "run", asked=asked, slots=3, **LARGE)
    assert run_config(tmp_path / "run") == before
    assert (tmp_path / "run/log/000001.jsonl").read_bytes() == log
    annotated(tmp_path / "run", **LARGE)
    assert run_config(tmp_path / "run").rollout_budget == LARGE["rollout_budget"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("num_rollouts", 5), ("seed", 1), ("separator", " "), ("locate", "early_stop"), ("temperature", 0.5)],
)
def test_a_changed_identity_is_refused_and_the_field_named(tmp_path, field, value):
    annotated(tmp_path / "run")
    before = artifacts(tmp_path / "run")
    with pytest.raises(RunConflictError, match=field):
        annotated(tmp_path / "run", **{field: value})
    assert artifacts(tmp_path / "run") == before
    assert annotated(tmp_path / "run").complete


def test_the_command_that_started_a_run_under_a_former_default_resumes_it(tmp_path):
    annotated(tmp_path / "run", locate="binary")
    annotated(tmp_path / "whole", locate="binary", **LARGE)
    resumed = annotated(tmp_path / "run", **LARGE)
    assert run_config(tmp_path / "run").locate == "binary"
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")
    assert [line for line in resumed.warnings if line.startswith("locate is binary in this run")]


def test_a_run_older_than_a_setting_goes_on_as_it_began(tmp_path):
    annotated(tmp_path / "run", locate="bayes", searches_at_once=1)
    before = artifacts(tmp_path / "run")
    manifest = tmp_path / "run/manifest.json"
    content = orjson.loads(manifest.read_bytes())
    del content["configuration"]["identity"]["searches_at_once"]
    manifest.write_bytes(orjson.dumps(content))
    engine = FakeEngine()
    resumed = annotated(tmp_path / "run", engine)
    assert (engine.submitted, artifacts(tmp_path / "run")) == (0, before)
    assert [line for line in resumed.warnings if line.startswith("searches_at_once is 1 in this run")]


def test_a_run_keeps_a_former_default_only_where_nothing_else_is_asked_for(tmp_path):
    annotated(tmp_path / "run", locate="binary")
    with pytest.raises(RunConflictError, match='locate: run has "binary", you asked for "bayes"'):
        annotated(tmp_path / "run", locate="bayes")
    annotated(tmp_path / "early", locate="early_stop")
    with pytest.raises(RunConflictError, match='locate: run has "early_stop", you asked for "bayes"'):
        annotated(tmp_path / "early")


def test_a_run_from_before_there_were_several_searches_at_once_goes_on_with_one(tmp_path):
    annotated(tmp_path / "run", locate="bayes", searches_at_once=1)
    annotated(tmp_path / "whole", locate="bayes", searches_at_once=1, **LARGE)
    manifest = tmp_path / "run/manifest.json"
    content = orjson.loads(manifest.read_bytes())
    del content["configuration"]["identity"]["searches_at_once"]
    manifest.write_bytes(orjson.dumps(content))
    assert run_config(tmp_path / "run").searches_at_once == 1
    resumed = annotated(tmp_path / "run", locate="bayes", **LARGE)
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")
    assert [line for line in resumed.warnings if line.startswith("searches_at_once is 1 in this run")]


def test_another_policy_is_refused(tmp_path):
    annotated(tmp_path / "run")
    with pytest.raises(RunConflictError, match="policy"):
        annotated(tmp_path / "run", FakeEngine(policy="another"))


@pytest.mark.parametrize(
    "change",
    [{"problem": "4 steps, please"}, {"answer": "17"}, {"solutions": (Solution("answer 3\n"),)}],
    ids=lambda change: next(iter(change)),
)
def test_another_question_under_a_known_id_is_refused(tmp_path, change):
    annotated(tmp_path / "run")
    asked = questions(5)
    asked[2] = replace(asked[2], **change)
    with pytest.raises(InputError, match="question q2 is not the one"):
        annotated(tmp_path / "run", asked=asked)
    assert status(tmp_path / "run").complete


def test_operational_settings_may_change_and_are_on_record(tmp_path):
    annotated(tmp_path / "run")
    before = artifacts(tmp_path / "run")
    annotated(tmp_path / "run", slots=3, verifier_workers=2, retries=0)
    assert artifacts(tmp_path / "run") == before
    assert b"verifier_workers" in (tmp_path / "run" / "log" / "000001.jsonl").read_bytes()


def test_bad_records_are_set_aside_counted_and_not_counted_again(tmp_path):
    good = [{"id": each.id, "problem": each.problem, "answer": each.answer} for each in questions(3)]
    lines = [
        *map(orjson.dumps, good),
        b"{",
        b"[]",
        b'{"problem": "no answer"}',
        b"\xff",
        orjson.dumps(good[0]),
    ]
    asked = tmp_path / "asked.jsonl"
    asked.write_bytes(b"\n".join(lines))
    config = settings(tmp_path / "run", question_file=str(asked))
    for _ in range(2):
        summary = annotate(config, backend=FakeEngine())
        assert (summary.questions, summary.quarantined, summary.complete) == (3, 5, True)
        assert status(tmp_path / "run").quarantined == 5
    rows = [orjson.loads(line) for line in (tmp_path / "run" / "quarantine.jsonl").read_bytes().splitlines()]
    assert [row["line"] for row in rows] == [4, 5, 6, 7, 8]
    assert "duplicate id 'q0'" in rows[-1]["reason"]


def test_what_is_set_aside_is_what_the_input_holds_now(tmp_path):
    good = [
        orjson.dumps({"id": each.id, "problem": each.problem, "answer": each.answer}) for each in questions(3)
    ]
    asked = tmp_path / "asked.jsonl"
    config = settings(tmp_path / "run", question_file=str(asked))
    counts = []
    for lines in ([*good, b"{", b"[]"], [*good, b"[]"], good):
        asked.write_bytes(b"\n".join(lines))
        summary = annotate(config, backend=FakeEngine())
        counts.append((summary.quarantined, status(tmp_path / "run").quarantined))
        assert any("set aside" in warning for warning in summary.warnings) == bool(summary.quarantined)
    assert counts == [(2, 2), (1, 1), (0, 0)]


def test_a_question_too_long_for_the_policy_is_set_aside(tmp_path):
    class Short(FakeEngine):
        def prompt(self, question):
            if question.id == "q1":
                raise InputError("question q1 does not fit")
            return super().prompt(question)

    summary = annotated(tmp_path / "run", Short())
    assert (summary.questions, summary.quarantined, summary.complete) == (4, 1, True)
    assert annotated(tmp_path / "run", Short()).quarantined == status(tmp_path / "run").quarantined == 1


def test_an_empty_input_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(InputError, match="holds no question"):
        annotated(tmp_path / "run", asked=[])
    assert not (tmp_path / "run").exists()


def test_a_search_the_core_refuses_is_told_before_anything_is_made(tmp_path):
    with pytest.raises(ConfigError, match="split"):
        annotated(tmp_path / "run", split_pattern="([")
    assert not (tmp_path / "run").exists()


def test_a_run_stopped_before_any_question_finished_tells_what_its_log_has(tmp_path):
    stop = Event()
    engine = FakeEngine(Knobs(slots=4, on_submit=lambda *_: stop.set()))
    told = annotated(tmp_path / "run", engine, stop=stop, num_rollouts=16)
    drawn = [record.body["n_tokens"] for record in records(tmp_path / "run", "rollout")]
    assert drawn
    for summary in (told, status(tmp_path / "run")):
        assert (summary.finished, summary.rollouts, summary.tokens) == (0, 0, 0)
        assert (summary.rollouts_in_log, summary.tokens_in_log) == (len(drawn), sum(drawn))
    for summary in (annotated(tmp_path / "run", num_rollouts=16), status(tmp_path / "run")):
        drawn = [record.body["n_tokens"] for record in records(tmp_path / "run", "rollout")]
        assert (summary.rollouts_in_log, summary.tokens_in_log) == (len(drawn), sum(drawn))
        assert 0 < summary.rollouts <= summary.rollouts_in_log
