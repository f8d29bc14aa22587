"""Ledger problems as questions, and their splits."""

import pytest

from omega_fast.errors import ConfigError
from omega_fast.tasks.ledger import LedgerConfig, parse, questions, right_solutions, split_of

CONFIG = LedgerConfig()


def test_a_question_carries_its_answer_and_length():
    question = next(questions(CONFIG, 1, seed=0, split="test"))
    solution = next(right_solutions(question.problem))
    assert solution[-1] == f"answer {question.answer}\n"
    assert question.meta == {"operations": len(solution) - 2, "lines": len(solution), "split": "test"}
    assert len(question.id) == len("ledger-") + 12


def test_questions_are_as_many_as_asked_for_and_different():
    drawn = list(questions(LedgerConfig(operations=(1, 2)), 50, seed=0, split="test"))
    assert len(drawn) == len({q.id for q in drawn}) == len({q.problem for q in drawn}) == 50


def test_equal_seeds_give_equal_questions_and_others_give_others():
    first, again, other = (list(questions(CONFIG, 20, seed, "train")) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_splits_share_no_problem():
    small = LedgerConfig(operations=(1, 1), modulus=5)
    ids = {}
    for split, n in (("train", 60), ("validation", 10), ("test", 10)):
        for question in questions(small, n, seed=0, split=split):
            assert split_of(parse(question.problem)) == split
            assert ids.setdefault(question.id, split) == split


def test_the_long_split_holds_the_two_next_lengths():
    drawn = list(questions(CONFIG, 40, seed=0, split="long"))
    assert {q.meta["operations"] for q in drawn} == {7, 8}
    ordinary = questions(CONFIG, 200, seed=0, split="train")
    assert max(q.meta["operations"] for q in ordinary) == 6


def test_distractors_are_not_counted_as_operations():
    config = LedgerConfig(operations=(2, 2), distractors=4)
    assert {q.meta["operations"] for q in questions(config, 5, 0, "train")} == {2}


def test_more_questions_than_there_are_problems_are_refused_rather_than_awaited():
    tiny = LedgerConfig(operations=(1, 1), registers=1, modulus=3)
    with pytest.raises(ConfigError, match="different problems in the train split"):
        list(questions(tiny, 100, seed=0, split="train"))
