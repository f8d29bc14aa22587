import math
from collections import Counter

import pytest

from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.records import Judgement, Question, Verdict
from omega_fast.train.gflownet.config import gflownet_config
from omega_fast.train.gflownet.reward import Rewards
from tests.train.gflownet.finetunings import Scorer
from tests.train.gflownet.scored import drawn

QUESTION = Question("q", "2 + 1 ?", "3")
RIGHT, WRONG = "so\nanswer 3\n", "so\nanswer 4\n"


class Checker:
    """Says what a text ends in."""

    def judge(self, question, solution, finish):
        del finish
        if "broken" in solution:
            return Judgement(Verdict.CRASH)
        return Judgement(
            Verdict.CORRECT if solution.rstrip().endswith(f"answer {question.answer}") else Verdict.WRONG
        )


def lines(text):
    return tuple(each + "\n" for each in text.split("\n") if each)


def cut(text, ends):
    del ends
    return [at + 1 for at, letter in enumerate(text.encode()) if letter == 10]


def rewards(score=None, questions=(QUESTION,), **settings):
    scorer = None if score is None else Scorer(lambda _, steps: score(steps))
    return Rewards(
        gflownet_config(**settings),
        questions,
        scorer=scorer,
        verifier=Checker(),
        cut=cut,
        decode=lambda _, ids: "".join(map(chr, ids)),
    )


def written(text, **more):
    steps = lines(text)
    ends = [len("".join(steps[: at + 1])) for at in range(len(steps))]
    return drawn(text.encode(), ends, text=text, steps=steps, **more)


def of_outcome(text, **settings):
    found = rewards(judge="outcome", **settings)
    return found([written(text)])[0], found.counts


def test_the_bonus_is_r_over_beta_at_the_end_and_nothing_before():
    right, counts = of_outcome(RIGHT, beta=0.5)
    assert (right.r, right.bonuses, right.right) == (1.0, (0.0, 0.0, 2.0), True)
    wrong, _ = of_outcome(WRONG, beta=0.5)
    assert (wrong.r, wrong.bonuses, wrong.right) == (0.0, (0.0, 0.0, 0.0), False)
    assert not +counts


def test_at_token_level_there_is_a_state_for_each_token_and_the_reward_comes_once():
    found, _ = of_outcome(RIGHT, beta=0.5, level="token")
    assert found.bonuses == (0.0,) * len(RIGHT) + (2.0,)


def test_stopping_at_a_prefix_that_gives_the_answer_is_worth_as_much():
    """Where every prefix may stop, `answer 3` is right before its line ends."""
    found, _ = of_outcome(RIGHT, beta=0.5, level="token", objective="subtb")
    paid = [at for at, bonus in enumerate(found.bonuses) if bonus]
    assert paid == [len(RIGHT) - 1, len(RIGHT)]
    twice = "so\nanswer 3\nno\nanswer 4\n"
    by_step, _ = of_outcome(twice, beta=0.5, objective="subtb")
    assert by_step.bonuses == (0.0, 0.0, 2.0, 0.0, 0.0)


def test_what_the_reward_model_says_counts_for_solutions_that_answer():
    found = rewards(lambda steps: [0.9, 0.5][: len(steps)], aggregation="min")
    right, silent = found([written(RIGHT), written("so\nso\n")])
    assert (right.r, silent.r) == (0.5, 0.0)
    assert found.counts == Counter(unanswered=1)
    free = rewards(lambda steps: [0.9, 0.5], aggregation="min", require_answer=False)
    assert free([written("so\nso\n")])[0].r == 0.5


def test_both_multiplies_the_model_and_the_answer():
    found = rewards(lambda steps: [0.5] * len(steps), judge="both", aggregation="last")
    assert [each.r for each in found([written(RIGHT), written(WRONG)])] == [0.5, 0.0]


def test_a_solution_cut_off_at_its_longest_is_worth_nothing():
    found = rewards(lambda steps: [1.0] * len(steps))
    assert found([written(RIGHT, finished=False)])[0].r == 0.0
    assert found.counts["truncated"] == 1


def test_the_product_is_of_step_scores_with_a_floor():
    settings = {"reward": "product", "beta": 1.0, "score_floor": 0.01}
    found = rewards(lambda steps: [0.5, 0.25], **settings)([written(RIGHT)])[0]
    assert found.bonuses[-1] == pytest.approx(math.log(0.125))
    assert found.bonuses[1] == pytest.approx(math.log(0.5) + math.log(0.01)), "no answer yet"
    floored = rewards(lambda steps: [0.0, 1.0], **settings)
    assert floored([written(RIGHT)])[0].bonuses[-1] == pytest.approx(math.log(0.01))
    assert floored.counts["floored"] == 1


def test_a_log_reward_beyond_the_limit_is_cut_to_it_and_counted():
    found, counts = of_outcome(RIGHT, beta=0.001, reward_limit=20.0)
    assert found.bonuses[-1] == 20.0
    assert counts["limited"] == 1


def test_an_empty_solution_is_worth_nothing_and_counted():
    for found in (rewards(judge="outcome"), rewards(lambda steps: [1.0] * len(steps))):
        empty = found([drawn([], text="")])[0]
        assert (empty.r, empty.bonuses) == (0.0, (0.0,))
        assert found.counts == Counter(empty=1)


@pytest.mark.parametrize(
    "row", [[math.nan, 1.0], [math.inf, 1.0], [1.0], [2.0, 1.0], [-1.0, 1.0], None, ["x", 1.0], 0.5]
)
def test_what_is_not_one_number_a_step_is_no_score(row):
    found = rewards(lambda steps: row)
    each = found([written(RIGHT)])[0]
    assert each.r is None
    assert len(each.bonuses) == 3
    assert found.counts["not_finite"] == 1


def test_a_solution_that_the_model_refuses_is_worth_nothing_and_the_others_are_scored():
    class Strict:
        def score_many(self, solutions):
            if any("bad" in "".join(steps) for _, steps in solutions):
                raise InputError("a step is blank", hint="")
            return [[1.0] * len(steps) for _, steps in solutions]

    found = Rewards(
        gflownet_config(), [QUESTION], scorer=Strict(), verifier=Checker(), cut=cut, decode=lambda *_: ""
    )
    scored = found([written(RIGHT), written("bad\nanswer 3\n"), written("ok\nanswer 3\n")])
    assert [each.r for each in scored] == [1.0, 0.0, 1.0]
    assert found.counts == Counter(unscorable=1)


def test_an_answer_that_the_verifier_could_not_judge_teaches_nothing():
    found, counts = of_outcome("broken\nanswer 3\n")
    assert found.r is None
    assert counts["unjudged"] == 1


def test_energies_are_what_the_model_makes_of_each_prefix():
    settings = {"objective": "subtb", "flows": "forward_looking", "beta": 0.5, "aggregation": "min"}
    found = rewards(lambda steps: [0.8, 0.4], **settings)([written(RIGHT)])[0]
    assert found.energies == pytest.approx((0.0, -0.4, -1.2))


@pytest.mark.parametrize(
    ("settings", "questions"),
    [({"judge": "prm"}, [QUESTION]), ({"reward": "product"}, [QUESTION]), ({}, [Question("q", "?", None)])],
)
def test_what_nobody_can_tell_is_refused(settings, questions):
    with pytest.raises(ConfigError) as caught:
        rewards(questions=questions, **settings)
    assert "--prm" in caught.value.hint


def test_a_model_that_fails_is_an_error_and_not_a_score():
    def fails(steps):
        raise ZeroDivisionError

    with pytest.raises(BackendError, match="the reward model failed: ZeroDivisionError"):
        rewards(fails)([written(RIGHT)])
