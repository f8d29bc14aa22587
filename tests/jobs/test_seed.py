"""Seed sets: what is drawn, what is kept, and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest

from omega_fast.errors import ConfigError, InputError, RunConflictError
from omega_fast.jobs import annotate, replay, seed
from omega_fast.records import FinishReason
from omega_fast.search.projection import read_artifacts
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import artifacts, records, settings

K = 12


def seeded(run: Path, engine: FakeEngine | None = None, count: int = 5, **changes: Any):
    names = ("output", "right", "wrong", "scorer", "stop")
    own = {name: changes.pop(name) for name in names if name in changes}
    config = settings(run, **({"num_rollouts": K} | changes))
    return seed(config, questions=questions(count), backend=engine or FakeEngine(Knobs()), **own)


def rows(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_each_question_is_drawn_from_as_often_as_asked_and_never_searched(tmp_path):
    done = seeded(tmp_path / "run")
    drawn = records(tmp_path / "run", "rollout")
    assert len(drawn) == 5 * K
    assert {record.body["prefix"] for record in drawn if "prefix" in record.body} <= {""}
    assert done.run.searches == 0
    assert done.right + done.wrong + done.repeated == 5 * K


def test_solutions_come_with_what_the_verifier_said(tmp_path):
    found = rows(seeded(tmp_path / "run").path)
    for row, question in zip(found, questions(5), strict=True):
        assert (row["id"], row["problem"], row["answer"]) == (question.id, question.problem, question.answer)
        for each in row["solutions"]:
            assert each["is_correct"] == each["text"].endswith(f"answer {question.answer}\n")
        texts = [each["text"] for each in row["solutions"]]
        assert len(set(texts)) == len(texts)


def test_no_more_of_a_kind_is_kept_than_asked(tmp_path):
    everything = rows(seeded(tmp_path / "run").path)
    few = rows(seeded(tmp_path / "run", right=1, wrong=2, output=tmp_path / "few.jsonl").path)
    for row, all_of in zip(few, everything, strict=True):
        for kind, most in ((True, 1), (False, 2)):
            have = [each for each in all_of["solutions"] if each["is_correct"] is kind]
            assert [each for each in row["solutions"] if each["is_correct"] is kind] == have[:most]


class Liking:
    """A scorer that likes long solutions, and has seen so many."""

    def __init__(self, refuses: str = "never") -> None:
        self.seen = 0
        self.refuses = refuses

    def score_many(self, solutions):
        solutions = list(solutions)
        self.seen += len(solutions)
        if any(self.refuses in "".join(steps) for _, steps in solutions):
            raise InputError("too long", hint="leave it out")
        return [[1 - 1 / (1 + len("".join(steps)))] + [1.0] * (len(steps) - 1) for _, steps in solutions]


def test_with_a_scorer_the_best_scored_of_each_kind_are_kept_best_first(tmp_path):
    everything = rows(seeded(tmp_path / "run").path)
    done = seeded(tmp_path / "run", right=1, wrong=2, scorer=Liking(), output=tmp_path / "few.jsonl")
    few = rows(done.path)
    assert done.unscored == 0
    for row, all_of in zip(few, everything, strict=True):
        scores = [each["score"] for each in row["solutions"]]
        assert scores == sorted(scores, reverse=True)
        for kind, most in ((True, 1), (False, 2)):
            have = sorted(
                (len(s["text"]) for s in all_of["solutions"] if s["is_correct"] is kind), reverse=True
            )
            assert [len(s["text"]) for s in row["solutions"] if s["is_correct"] is kind] == have[:most]
            assert all(
                each["score"] == pytest.approx(1 - 1 / (1 + len(each["text"]))) for each in row["solutions"]
            )


def test_what_a_scorer_said_is_not_asked_for_again(tmp_path):
    first, again = Liking(), Liking()
    whole = seeded(tmp_path / "run", scorer=first).path.read_bytes()
    assert first.seen > 0
    assert seeded(tmp_path / "run", scorer=again).path.read_bytes() == whole
    assert again.seen == 0


def test_solutions_that_cannot_be_scored_come_last_and_are_counted(tmp_path):
    everything = rows(seeded(tmp_path / "run").path)
    longest = max((s["text"] for row in everything for s in row["solutions"]), key=len)
    done = seeded(tmp_path / "run", scorer=Liking(longest), output=tmp_path / "scored.jsonl")
    found = [row["solutions"] for row in rows(done.path)]
    refused = [each for each in found if any("score" not in solution for solution in each)]
    assert done.unscored == len(refused) > 0
    for each in refused:
        assert (each[-1]["text"], "score" in each[-1]) == (longest, False)


def test_scores_of_another_scorer_are_not_mixed_in(tmp_path):
    class Other(Liking):
        pass

    seeded(tmp_path / "run", scorer=Liking())
    with pytest.raises(RunConflictError, match="another scorer"):
        seeded(tmp_path / "run", scorer=Other())


def test_questions_that_were_always_right_are_counted_and_named(tmp_path):
    done = seeded(tmp_path / "run", count=20, num_rollouts=2)
    always = [row["id"] for row in rows(done.path) if all(each["is_correct"] for each in row["solutions"])]
    assert done.without_wrong == len(always) > 0
    assert list(done.named) == always[:3]
    only = seeded(tmp_path / "run", count=20, num_rollouts=2, right=0, output=tmp_path / "wrong.jsonl")
    assert only.questions == 20 - len(always)


def test_solutions_that_met_the_token_limit_are_left_out_and_counted(tmp_path):
    def truncates(request):
        return request.seed % 3 == 0

    done = seeded(tmp_path / "run", FakeEngine(Knobs(truncates=truncates)))
    finishes = [record.body["finish"] for record in records(tmp_path / "run", "rollout")]
    assert done.unfinished == finishes.count(FinishReason.LENGTH) > 0
    assert done.right + done.wrong + done.repeated + done.unfinished == 5 * K


def test_a_stopped_seed_resumes_to_the_set_of_one_that_was_not(tmp_path):
    whole = seeded(tmp_path / "whole").path.read_bytes()
    stop = Event()
    engine = FakeEngine(Knobs(slots=4, on_submit=lambda number, _: stop.set() if number > 9 else None))
    part = seeded(tmp_path / "run", engine, stop=stop)
    assert not part.run.complete
    again = FakeEngine(Knobs())
    assert seeded(tmp_path / "run", again).path.read_bytes() == whole
    assert again.submitted < 5 * K


def test_a_seed_set_is_searched_from_its_wrong_solutions(tmp_path):
    path = seeded(tmp_path / "seed", wrong=2).path
    config = settings(
        tmp_path / "run", question_file=str(path), solutions="seed", rollout_budget=100, max_search_count=2
    )
    annotate(config, backend=FakeEngine(Knobs()))
    for tree, row in zip(read_artifacts(tmp_path / "run"), rows(path), strict=True):
        wrong = [each["text"] for each in row["solutions"] if not each["is_correct"]]
        searched = [tree.rollouts[search.rollout] for search in tree.searches]
        searched = [each for each in searched if each.verdict != "correct"]
        assert [each.text for each in searched][: len(wrong)] == wrong


@pytest.mark.parametrize("wrong", [{"output": Path("seed.csv")}, {"right": 0, "wrong": 0}])
def test_a_seed_set_that_cannot_be_is_refused_before_anything_is_drawn(tmp_path, wrong):
    with pytest.raises(ConfigError):
        seeded(tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()


def test_answers_by_majority_are_in_the_set_and_said_to_be_that(tmp_path):
    config = settings(tmp_path / "run", num_rollouts=K, gold="majority")
    done = seed(config, questions=questions(3, gold=False), backend=FakeEngine(Knobs()))
    for row in rows(done.path):
        assert row["gold_source"] == "majority"
        for each in row["solutions"]:
            assert each["is_correct"] == each["text"].endswith(f"answer {row['answer']}\n")


def test_a_seed_run_replays_without_its_engine(tmp_path):
    seeded(tmp_path / "run")
    before = artifacts(tmp_path / "run")
    replay(tmp_path / "run")
    assert artifacts(tmp_path / "run") == before
