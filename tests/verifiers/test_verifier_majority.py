from __future__ import annotations

import random

import pytest
from asking import collect, question

from omega_fast.records import FinishReason, Verdict
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.majority import MajorityVerifier, majority_answer

STOP = FinishReason.STOP
DRAWS = ["#### 5", "#### 4", "nothing", "#### 4.0", "#### 6"]


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        (["5", "4", "4"], "4"),
        (["5", "4"], "5"),
        (["1/2", "3", "0.5"], "1/2"),
        ([None, None, "7"], "7"),
        ([None], None),
        ([], None),
        (["7 3", "73", "73"], "73"),
    ],
)
def test_the_answer_with_most_votes_wins_and_the_first_of_equals(
    answers: list[str | None], winner: str | None
) -> None:
    assert majority_answer(answers) == winner


def test_it_is_a_verifier(verifier: AnswerVerifier) -> None:
    assert isinstance(MajorityVerifier(verifier, 3), Verifier)


def test_jobs_are_held_until_all_root_draws_are_in(verifier: AnswerVerifier) -> None:
    majority = MajorityVerifier(verifier, 2)
    majority.submit(10, question(None), "#### 4", STOP)
    majority.submit(0, question(None), "#### 4", STOP, draw=0)
    assert majority.poll(0.0) == []
    assert majority.majority("q") is None
    majority.submit(1, question(None), "#### 5", STOP, draw=1)
    verdicts = {job: judgement.verdict for job, judgement in collect(majority, 3).items()}
    assert verdicts == {0: Verdict.CORRECT, 1: Verdict.WRONG, 10: Verdict.CORRECT}
    assert majority.majority("q") == "4"


def test_the_order_of_arrival_changes_nothing(verifier: AnswerVerifier) -> None:
    outcomes = []
    for seed in range(8):
        order = list(range(len(DRAWS)))
        random.Random(seed).shuffle(order)
        majority = MajorityVerifier(verifier, len(DRAWS))
        for draw in order:
            majority.submit(draw, question(None), DRAWS[draw], STOP, draw=draw)
        outcomes.append((majority.majority("q"), collect(majority, len(DRAWS))))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert outcomes[0][0] == "4"


def test_truncated_draws_do_not_vote(verifier: AnswerVerifier) -> None:
    majority = MajorityVerifier(verifier, 3)
    for draw, (text, finish) in enumerate(
        [("#### 5", FinishReason.LENGTH), ("#### 5", FinishReason.LENGTH), ("#### 4", STOP)]
    ):
        majority.submit(draw, question(None), text, finish, draw=draw)
    verdicts = {job: judgement.verdict for job, judgement in collect(majority, 3).items()}
    assert verdicts == {0: Verdict.TRUNCATED, 1: Verdict.TRUNCATED, 2: Verdict.CORRECT}


def test_without_any_vote_the_question_stays_unsupported(verifier: AnswerVerifier) -> None:
    majority = MajorityVerifier(verifier, 1)
    majority.submit(0, question(None), "no idea", STOP, draw=0)
    assert collect(majority, 1)[0].verdict is Verdict.UNSUPPORTED


def test_jobs_after_the_vote_are_judged_at_once(verifier: AnswerVerifier) -> None:
    majority = MajorityVerifier(verifier, 1)
    majority.submit(0, question(None), "#### 4", STOP, draw=0)
    majority.submit(1, question(None), "#### 9", STOP)
    assert collect(majority, 2)[1].verdict is Verdict.WRONG


def test_questions_do_not_vote_for_each_other(verifier: AnswerVerifier) -> None:
    majority = MajorityVerifier(verifier, 1)
    majority.submit(0, question(None, "a"), "#### 4", STOP, draw=0)
    majority.submit(1, question(None, "b"), "#### 5", STOP, draw=0)
    collect(majority, 2)
    assert (majority.majority("a"), majority.majority("b")) == ("4", "5")


def test_a_gold_answer_is_not_voted_on(verifier: AnswerVerifier) -> None:
    majority = MajorityVerifier(verifier, 1)
    majority.submit(0, question("3"), "#### 4", STOP, draw=0)
    assert collect(majority, 1)[0].verdict is Verdict.WRONG
    assert majority.majority("q") is None


def test_a_restored_majority_settles_the_question_and_frees_what_was_held(verifier: AnswerVerifier) -> None:
    majority = MajorityVerifier(verifier, 16)
    majority.submit(0, question(None), "#### 4", STOP)
    majority.restore("q", "4")
    majority.submit(1, question(None), "#### 5", STOP)
    verdicts = {job: judgement.verdict for job, judgement in collect(majority, 2).items()}
    assert verdicts == {0: Verdict.CORRECT, 1: Verdict.WRONG}


def test_a_draw_beyond_the_vote_is_refused(verifier: AnswerVerifier) -> None:
    majority = MajorityVerifier(verifier, 2)
    with pytest.raises(ValueError, match="draw 2 of 2"):
        majority.submit(0, question(None), "#### 4", STOP, draw=2)
