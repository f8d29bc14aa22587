"""`eval_guided` and `solve`: rows, votes, resuming, processes, and what is refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from threading import Event

import pytest

from omega_fast.config import resolve
from omega_fast.errors import BackendError, ConfigError, InputError, RunConflictError, StoreError
from omega_fast.jobs import eval_guided, run_config, solve
from omega_fast.jobs.guided_settings import run_overrides
from omega_fast.records import Question
from omega_fast.store import RunDirectory, verify
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.processes import omega, omega_in_two_processes

METHODS = ("greedy", "best_of_n", "beam", "dvts", "mcts", "omega")
SEARCH = {"n": 8, "beam_width": 4, "end_pattern": "^answer"}


class Marks:
    """What a perfect model would say of the fake engine's solutions."""

    def score_many(self, solutions):
        return [
            [0.1 if "bad" in "".join(steps[: at + 1]) else 0.9 for at in range(len(steps))]
            for _, steps in solutions
        ]


class Broken:
    def score_many(self, solutions):
        return [[math.nan] * len(steps) for _, steps in solutions]


def config(folder, **changes):
    given = {
        "question_file": "given",
        "model_name": "fake",
        "output_dir": folder,
        "separator": "\n",
        **changes,
    }
    return resolve(env={}, overrides=run_overrides(given))


def evaluated(
    folder, method="beam", *, asked=None, engine=None, scorer=None, search=None, stop=None, **changes
):
    return eval_guided(
        config(folder, **changes),
        {"method": method, **SEARCH, **(search or {})},
        scorer=scorer or Marks(),
        questions=questions(6) if asked is None else asked,
        backend=engine or FakeEngine(Knobs(slots=16)),
        stop=stop,
    )


def rows(folder):
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("method", METHODS)
def test_rows_hold_candidates_with_scores_answers_and_choices(tmp_path, method):
    found = evaluated(tmp_path, method)
    assert (found.complete, found.finished) == (True, 6)
    asked = questions(6)
    for row, question in zip(rows(tmp_path), asked, strict=True):
        assert (row["id"], row["answer"], row["method"]) == (question.id, question.answer, method)
        assert row["n_candidates"] == len(row["candidates"]) > 0
        for each in row["candidates"]:
            assert "".join(each["steps"]) == each["text"]
            assert each["text"].splitlines()[-1].startswith("answer"), "only finished solutions are returned"
            assert len(each["scores"]) == len(each["steps"])
            assert each["score"] == each["scores"][-1]
            assert each["correct"] is (each["answer"] == question.answer)
        for how, choice in row["chosen"].items():
            assert choice["answer"] == row["candidates"][choice["index"]]["answer"], how
        best = max(each["score"] for each in row["candidates"])
        assert row["candidates"][row["chosen"]["naive"]["index"]]["score"] == best
    told = json.loads((tmp_path / "results.json").read_text())
    right = [row["chosen"]["weighted"]["correct"] for row in rows(tmp_path)]
    assert told["accuracy"]["weighted"]["value"] == sum(right) / 6
    assert told["tokens"] == sum(row["tokens"] for row in rows(tmp_path))


def test_the_same_call_generates_and_scores_nothing_again(tmp_path):
    first = evaluated(tmp_path)
    before = (tmp_path / "rows.jsonl").read_bytes()
    engine = FakeEngine(Knobs(slots=16))
    again = evaluated(tmp_path, engine=engine)
    assert (engine.submitted, again.calls) == (0, 0)
    assert (tmp_path / "rows.jsonl").read_bytes() == before
    assert again.results == first.results
    assert verify(tmp_path).ok


def test_a_run_grows_by_questions_and_budget_and_draws_what_is_new_alone(tmp_path):
    evaluated(tmp_path, asked=questions(3), search={"token_budget": 200})
    drawn = draws(tmp_path)
    evaluated(tmp_path, asked=questions(6), search={"token_budget": 400})
    assert not drawn - draws(tmp_path)
    whole = tmp_path / "whole"
    evaluated(whole, asked=questions(6), search={"token_budget": 400})
    assert rows(tmp_path) == rows(whole)
    assert all(row["tokens"] <= 400 for row in rows(whole))


def draws(folder):
    return Counter(
        (each.body["question"], each.body["state"], each.body["draw"], each.body["limit"])
        for each in RunDirectory.read(folder).records({"draw"})
    )


def test_a_stopped_run_is_resumable_and_says_that_it_is_incomplete(tmp_path):
    stop = Event()
    engine = FakeEngine(Knobs(slots=4, on_submit=lambda number, _: stop.set() if number > 50 else None))
    found = evaluated(tmp_path, engine=engine, stop=stop)
    assert not found.complete
    assert evaluated(tmp_path).complete
    evaluated(tmp_path / "whole")
    assert rows(tmp_path) == rows(tmp_path / "whole")
    assert set(draws(tmp_path).values()) == {1}


@pytest.mark.parametrize("at", [1, 2, 5, 33, 100])
def test_an_engine_that_dies_at_any_request_leaves_a_run_that_goes_on(tmp_path, at):
    with pytest.raises(BackendError):
        evaluated(tmp_path, engine=FakeEngine(Knobs(slots=4, dies_at=at)))
    assert evaluated(tmp_path).complete
    evaluated(tmp_path / "whole")
    assert rows(tmp_path) == rows(tmp_path / "whole")
    assert set(draws(tmp_path).values()) == {1}


@pytest.mark.parametrize(
    ("search", "settings", "field"),
    [({"n": 4}, {}, "search"), ({}, {"seed": 5}, "seed"), ({"aggregation": "min"}, {}, "search")],
)
def test_another_search_in_the_same_folder_is_refused(tmp_path, search, settings, field):
    evaluated(tmp_path)
    with pytest.raises(RunConflictError, match=field):
        evaluated(tmp_path, search=search, **settings)


def test_another_scorer_in_the_same_folder_is_refused(tmp_path):
    evaluated(tmp_path)
    with pytest.raises(RunConflictError, match="scorer"):
        evaluated(tmp_path, scorer=Broken())


def test_a_scorer_that_says_nothing_is_warned_of(tmp_path):
    found = evaluated(tmp_path, scorer=Broken())
    assert found.results["unscored"] > 0
    assert any("could not be scored" in each for each in found.warnings)
    assert all(each["score"] is None for row in rows(tmp_path) for each in row["candidates"])
    assert found.results["accuracy"]["majority"]["value"] >= 0


def test_a_policy_that_never_finishes_is_wrong_and_warned_of(tmp_path):
    engine = FakeEngine(Knobs(truncates=lambda _: True))
    found = evaluated(tmp_path, engine=engine)
    assert found.results["without_candidate"] == 6
    assert found.results["accuracy"]["naive"]["value"] == 0
    assert any("no finished solution" in each for each in found.warnings)
    assert all(row["candidates"] == [] for row in rows(tmp_path))


def test_a_budget_of_the_whole_run_stops_it_and_more_of_it_goes_on(tmp_path):
    found = evaluated(tmp_path, max_tokens=600, max_new_tokens=50)
    assert found.stopped_by == "max_tokens"
    assert sum(each.body["n_tokens"] for each in RunDirectory.read(tmp_path).records({"draw"})) <= 600
    assert evaluated(tmp_path, max_new_tokens=50).complete


def test_questions_without_gold_have_choices_and_no_accuracy(tmp_path):
    found = evaluated(tmp_path, asked=questions(3, gold=False))
    assert "accuracy" not in found.results
    assert all(row["chosen"]["weighted"]["answer"] for row in rows(tmp_path))


def test_a_run_of_guided_search_is_no_annotation(tmp_path):
    evaluated(tmp_path)
    with pytest.raises(StoreError, match="guided search"):
        run_config(tmp_path)


@pytest.mark.parametrize(
    ("search", "changes", "message"),
    [
        ({"method": "magic"}, {}, "no method"),
        ({"beem_width": 4}, {}, "is no setting"),
        ({"n": 6}, {}, "no multiple"),
        ({}, {"split_pattern": "x", "separator": None}, "engine stops at"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_written(tmp_path, search, changes, message):
    with pytest.raises(ConfigError, match=message) as refused:
        evaluated(tmp_path / "run", search=search, **changes)
    assert refused.value.hint
    assert not (tmp_path / "run").exists()


def test_a_split_that_the_core_refuses_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match="unclosed group"):
        evaluated(tmp_path / "run", "best_of_n", split_pattern="(", separator=None)
    assert not (tmp_path / "run").exists()


def test_a_method_that_scores_needs_a_scorer(tmp_path):
    with pytest.raises(ConfigError, match="needs a process reward model"):
        eval_guided(config(tmp_path), {"method": "beam"}, questions=questions(1), backend=FakeEngine())


def test_no_question_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no question"):
        evaluated(tmp_path, asked=[])


def test_solve_finds_an_answer_and_shows_its_lines(tmp_path):
    seen = []
    (question,) = questions(1)
    engine = FakeEngine(Knobs(slots=2, latency=2))
    # The fake engine knows its questions by their ids, and solve makes one of its own
    engine._generation = known_as(engine, question)
    found = solve(
        config(tmp_path, question_file="ledger"),
        {"method": "beam", **SEARCH},
        question.problem,
        scorer=Marks(),
        backend=engine,
        on_progress=seen.append,
    )
    assert found.answer == question.answer
    assert found.best is not None
    assert found.solution == found.best.text
    assert found.best.scores == (0.9,) * len(found.best.steps)
    assert seen[-1].tokens == found.tokens
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize(("scorer", "warned"), [(None, False), (Broken(), True)])
def test_solve_warns_of_candidates_without_scores_only_where_something_was_to_score_them(
    tmp_path, scorer, warned
):
    (question,) = questions(1)
    engine = FakeEngine(Knobs(slots=2))
    engine._generation = known_as(engine, question)
    settings = config(tmp_path, question_file="ledger")
    found = solve(settings, {"method": "best_of_n", "n": 2}, question.problem, scorer=scorer, backend=engine)
    assert any("could not be scored" in each for each in found.warnings) == warned


def known_as(engine, question):
    from dataclasses import replace

    made = engine._generation
    return lambda request: made(replace(request, question=question))


def test_an_empty_problem_is_refused(tmp_path):
    with pytest.raises(InputError, match="empty"):
        solve(config(tmp_path), {"method": "best_of_n"}, "  ", backend=FakeEngine())


def test_ids_that_lead_elsewhere_stay_in_the_rows(tmp_path):
    asked = [Question("../../q1", questions(2)[1].problem, "1"), *questions(1)]
    engine = FakeEngine()
    made = engine._generation
    from dataclasses import replace

    engine._generation = lambda request: made(
        replace(request, question=replace(request.question, id=request.question.id.removeprefix("../../")))
    )
    evaluated(tmp_path / "run", asked=asked, engine=engine)
    assert rows(tmp_path / "run")[0]["id"] == "../../q1"
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_two_processes_share_the_questions_and_find_what_one_finds(tmp_path):
    pytest.importorskip("torch")
    asked = ["eval", "guided", "ledger", "--limit", "2", "-n", "4", "--beam-width", "2", "--threads", "1"]
    asked += [
        "--prm",
        "omega_fast.tasks.ledger.exact_scorer:exact_scorer",
        "--json",
        "--progress",
        "none",
        "-o",
    ]
    one = omega(*asked, str(tmp_path / "one"))
    two = omega_in_two_processes(*asked, str(tmp_path / "two"))
    assert one.returncode == two.returncode == 0, one.stderr + two.stderr
    assert len(two.stdout.splitlines()) == 1, "one process speaks for all"
    told = [json.loads(each.stdout) for each in (one, two)]
    assert told[0]["results"] == told[1]["results"]
    assert rows(tmp_path / "one") == rows(tmp_path / "two")
    again = omega(*asked, str(tmp_path / "two"))
    assert json.loads(again.stdout)["scorer_calls"] == 0, "one process goes on with what two have drawn"
