"""A run decided again under other settings, from the responses that it recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import omega_fast
from omega_fast.errors import ConfigError, InputError, StoreDamagedError, StoreError
from omega_fast.jobs import annotate, export, replay, run_config, status, what_if
from omega_fast.store import Artifacts, RunDirectory
from omega_fast.store.formats import FORMATS
from omega_fast.summary import WhatIfSummary
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, draws, records, settings


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("what_if") / "run"
    engine = FakeEngine(Knobs(fails=lambda request: request.seed % 17 == 0, shuffle=1))
    annotated(folder, engine, questions(8), rollout_budget=60, max_search_count=6)
    return folder


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with draws made early."""
    folder = tmp_path_factory.mktemp("what_if") / "run"
    engine = FakeEngine(Knobs(slots=64))
    summary = annotated(
        folder, engine, questions(3), locate="binary", slots=64, speculation=1, rollout_budget=60
    )
    assert summary.early["unused"] > 0
    return folder


def lines(run: Path) -> dict[str, bytes]:
    return {Artifacts.from_json(line).question.id: line for line in artifacts(run).splitlines()}


def fresh(folder: Path, count: int, **changes: object) -> dict[str, bytes]:
    """What a run under these settings finds with the engine."""
    engine = FakeEngine(Knobs(fails=lambda request: request.seed % 17 == 0))
    annotated(folder, engine, questions(count), **({"rollout_budget": 60, "max_search_count": 6} | changes))
    return lines(folder)


def test_unchanged_settings_make_the_run_again_byte_for_byte(run, tmp_path):
    found = what_if(run, {}, output=tmp_path / "again")
    assert artifacts(tmp_path / "again") == artifacts(run)
    assert (tmp_path / "again" / "stopped.jsonl").read_bytes() == b""
    assert found.complete
    assert not found.changes
    assert found.original == found.original_same_questions == found.decided
    assert found.reach.draws_answered == found.reach.draws_wanted == found.reach.draws_recorded


def test_fewer_draws_for_a_state_reach_wherever_the_search_goes_the_same_way(run, tmp_path):
    # Every prefix of a solution was sampled, so whatever the search asks of them is there.
    annotated(
        tmp_path / "run", asked=questions(6), locate="every_step", max_search_count=50, rollout_budget=5000
    )
    found = what_if(tmp_path / "run", {"num_rollouts": "2", "root_rollouts": "4", "max_search_count": 1})
    assert found.complete
    assert found.reach.share.value == 1.0
    assert 0 < found.decided.rollouts < found.original.rollouts
    assert found.changes["num_rollouts"] == (4, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"locate": "early_stop"},
        {"locate": "every_step"},
        {"locate": "sequential"},
        {"locate": "binary"},
        {"c_puct": "3", "alpha": 0.9, "length_unit": "words"},
        {"truncated": "exclude"},
        {"num_rollouts": 3},
        {"rollout_budget": 30},
        {"rollout_budget": 200, "max_search_count": 20},
        {"separator": r"\n\n"},
    ],
)
def test_what_is_decided_to_its_end_is_what_a_run_finds(run, tmp_path, changes):
    before = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    found = what_if(run, changes, output=tmp_path / "what_if")
    real = fresh(
        tmp_path / "real",
        8,
        **{name: run_config(tmp_path / "what_if").model_dump()[name] for name in changes},
    )
    decided = lines(tmp_path / "what_if")
    assert len(decided) == found.decided.questions
    assert all(real[question] == line for question, line in decided.items())
    assert found.decided.questions + len(found.stopped) + found.not_started == 8
    assert before == {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def test_a_question_that_wants_what_the_log_lacks_stops_and_keeps_what_it_had_decided(run, tmp_path):
    found = what_if(run, {"locate": "every_step"}, output=tmp_path / "what_if")
    assert found.stopped
    assert 0 < found.reach.draws_answered < found.reach.draws_wanted
    real = {
        each.question.id: each
        for each in map(Artifacts.from_json, fresh(tmp_path / "real", 8, locate="every_step").values())
    }
    stopped = [
        Artifacts.from_json(line)
        for line in (tmp_path / "what_if" / "stopped.jsonl").read_bytes().splitlines()
    ]
    assert [each.question.id for each in stopped] == [each.question for each in found.stopped]
    for so_far, told in zip(stopped, found.stopped, strict=True):
        whole = real[so_far.question.id]
        assert so_far.finish == "unanswered"
        assert so_far.searches[-1].reason == "unanswered"
        assert so_far.searches[:-1] == whole.searches[: len(so_far.searches) - 1]
        assert so_far.rollouts == whole.rollouts[: len(so_far.rollouts)]
        assert told.search == len(so_far.searches)
        assert told.rollouts == so_far.counts.rollouts < whole.counts.rollouts
    assert found.so_far.labels == sum(node.hard is not None for each in stopped for node in each.nodes) > 0


def test_more_draws_than_were_made_stop_every_question_at_its_root(run):
    found = what_if(run, {"root_rollouts": 40, "rollout_budget": 60})
    assert [each.search for each in found.stopped] == [0] * 8
    assert found.decided.questions == 0
    assert found.not_started == 0


def test_an_interrupted_run_says_what_it_had_decided(tmp_path):
    engine = FakeEngine(Knobs(dies_at=60))
    with pytest.raises(Exception, match="died"):
        annotated(tmp_path / "run", engine, max_open=1)
    replay(tmp_path / "run")
    found = what_if(tmp_path / "run", {}, output=tmp_path / "again")
    assert artifacts(tmp_path / "again") == artifacts(tmp_path / "run")
    assert found.original == found.decided
    assert found.decided.questions == len(lines(tmp_path / "run")) < found.questions == 5
    assert found.stopped
    assert found.not_started == 0


def test_draws_made_early_are_draws_like_any_other(early, tmp_path):
    same = what_if(early, {}, output=tmp_path / "same")
    assert artifacts(tmp_path / "same") == artifacts(early)
    further = what_if(early, {"max_search_count": 8})
    recorded = sum(draws(early).values())
    assert same.reach.draws_answered < further.reach.draws_answered <= recorded


def test_a_what_if_run_is_a_run_that_says_where_it_is_from(run, tmp_path):
    made = tmp_path / "what_if"
    found = what_if(run, {"locate": "early_stop"}, output=made)
    mark = RunDirectory.read(made).manifest.configuration.fingerprints["what_if"]
    assert mark["run"] == str(run)
    assert mark["changes"] == {"locate": ["bayes", "early_stop"]}
    assert mark["reach"]["share"] == found.reach.share.value
    assert [record.body for record in records(made, "what_if")] == [mark]
    assert run_config(made).locate == "early_stop"
    assert not records(made, "session")
    for name in FORMATS:
        assert export(made, format=name).finished == found.decided.questions
    before = artifacts(made)
    assert replay(made).finished == status(made).finished == found.decided.questions
    assert artifacts(made) == before


def test_the_engine_goes_on_from_a_what_if_run_and_pays_for_the_rest_alone(run, tmp_path):
    found = what_if(run, {"locate": "every_step"}, output=tmp_path / "run")
    engine = FakeEngine(Knobs(fails=lambda request: request.seed % 17 == 0))
    changes = {"locate": "every_step", "rollout_budget": 60, "max_search_count": 6}
    summary = annotate(settings(tmp_path / "run", **changes), questions=questions(8), backend=engine)
    assert summary.complete
    assert lines(tmp_path / "run") == fresh(tmp_path / "real", 8, locate="every_step")
    assert max(draws(tmp_path / "run").values()) == 1
    assert summary.rollouts_in_log < found.reach.draws_recorded + sum(draws(tmp_path / "real").values())


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("seed", 1, "other responses"),
        ("temperature", 1.0, "other responses"),
        ("max_new_tokens", 9, "other responses"),
        ("model_name", "other", "other responses"),
        ("prompt_template", "{problem}?", "other responses"),
        ("verifier", "mine:check", "omega reverify"),
        ("gold", "majority", "omega reverify"),
        ("thought_open", "<t>", "omega reverify"),
        ("limit", 3, "the questions it has"),
        ("slots", 9, "decides no label"),
        ("output_dir", "x", "decides no label"),
    ],
)
def test_what_responses_and_verdicts_rest_on_cannot_be_changed(run, name, value, why):
    with pytest.raises(ConfigError, match=why) as told:
        what_if(run, {name: value})
    assert "locate, " in told.value.hint
    assert name not in told.value.hint.removeprefix("what can be changed: ").split(", ")


def test_settings_that_do_not_exist_or_cannot_work_are_named(run):
    with pytest.raises(ConfigError, match="num_rolouts from --set is no setting") as told:
        what_if(run, {"num_rolouts": 3})
    assert told.value.hint == "did you mean num_rollouts"
    with pytest.raises(ConfigError, match="locate 'guess' from --set"):
        what_if(run, {"locate": "guess"})
    with pytest.raises(ConfigError, match="rollout_budget 2 does not pay"):
        what_if(run, {"rollout_budget": "2"})
    with pytest.raises(ConfigError, match="split_pattern and split_tokens exclude each other"):
        what_if(run, {"split_pattern": "x", "split_tokens": 3})


def test_a_setting_that_may_be_absent_is_taken_back_by_none(tmp_path):
    annotated(tmp_path / "run", token_budget=2000)
    found = what_if(tmp_path / "run", {"token_budget": "none"})
    assert found.changes == {"token_budget": (2000, None)}


def test_nothing_is_made_where_something_is_or_settings_are_wrong(run, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "kept").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        what_if(run, {}, output=full)
    assert [path.name for path in full.iterdir()] == ["kept"]
    with pytest.raises(ConfigError):
        what_if(run, {"seed": 1}, output=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(StoreError, match="not a run directory"):
        what_if(tmp_path / "nowhere", {})


def test_a_tampered_log_is_refused_and_named(tmp_path):
    annotated(tmp_path / "run")
    log = tmp_path / "run" / "log" / "000001.jsonl"
    whole = log.read_bytes()
    place = whole.index(b'"verdict":"correct"')
    log.write_bytes(whole[:place] + whole[place:].replace(b'"correct"', b'"wrong"  ', 1))
    line = whole.count(b"\n", 0, place) + 1
    with pytest.raises(StoreDamagedError, match=rf"000001\.jsonl line {line}: does not match its checksum"):
        what_if(tmp_path / "run", {"num_rollouts": 2}, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_python_asks_as_the_command_line_does(run, tmp_path):
    found = omega_fast.what_if(str(run), output_dir=tmp_path / "out", num_rollouts=2)
    assert isinstance(found, WhatIfSummary)
    assert found == WhatIfSummary(
        **{
            **{
                name: getattr(what_if(run, {"num_rollouts": 2}), name)
                for name in WhatIfSummary.__dataclass_fields__
            },
            "output": tmp_path / "out",
        }
    )
    assert json.loads(json.dumps(found.to_dict()))["changes"] == {"num_rollouts": [4, 2]}


def test_the_truth_stands_beside_it_where_the_task_knows_it(tmp_path):
    config = omega_fast.config.resolve(
        preset="ledger",
        env={},
        overrides={
            "question_file": "ledger",
            "limit": 2,
            "num_rollouts": 4,
            "rollout_budget": 24,
            "output_dir": tmp_path / "run",
            "slots": 16,
            "threads": 1,
        },
    )
    annotate(config)
    found = what_if(tmp_path / "run", {"num_rollouts": 3})
    assert found.original.right_labels is not None
    assert found.original.right_labels.total > 0
    assert found.original.exact_hits is not None
    assert found.original.exact_hits.total == found.original.located
