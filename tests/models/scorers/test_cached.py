"""What is known is not asked again, and nothing is taken for what it is not."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from omega_fast.errors import BackendError, InputError
from omega_fast.models.base import QueuedScorer
from omega_fast.models.scorers.cached import CachedScorer
from omega_fast.models.scorers.queued import Queued, failed
from omega_fast.models.scorers.step_memory import StepMemory


class Written:
    """Scores a step by its own number, and keeps what it was asked; refuses steps that say `bad`."""

    def __init__(self):
        self.asked = []

    def score_each(self, solutions):
        self.asked += [list(steps) for _, steps in solutions]
        return [
            InputError("too long") if "bad" in steps else [float(step) for step in steps]
            for _, steps in solutions
        ]

    def score_many(self, solutions):
        raise AssertionError("it is asked for each")


class Whole:
    """Scores by the whole solution; an error for one is one for all."""

    def __init__(self, answer=lambda steps: [1 / len(steps)] * len(steps)):
        self.asked = []
        self.answer = answer

    def score_many(self, solutions):
        self.asked += [list(steps) for _, steps in solutions]
        if any("bad" in steps for _, steps in solutions):
            raise InputError("too long")
        return [self.answer(steps) for _, steps in solutions]


def cached(scorer, *, by_prefix=True, limit=1000, identity="model"):
    return CachedScorer(scorer, StepMemory(identity, by_prefix=by_prefix, limit=limit))


def test_a_longer_solution_holds_the_scores_of_its_prefixes():
    inner = Written()
    scorer = cached(inner)
    assert scorer.score_many([("p", [".1", ".2", ".3"])]) == [[0.1, 0.2, 0.3]]
    assert scorer.score_many([("p", [".1", ".2"]), ("p", [".1"])]) == [[0.1, 0.2], [0.1]]
    assert len(inner.asked) == 1
    assert scorer.counts() == {"solutions": 3, "scored": 1}


def test_of_solutions_asked_together_only_the_longest_are_scored_and_twins_once():
    inner = Written()
    rows = cached(inner).score_many(
        [("p", [".1"]), ("p", [".1", ".2"]), ("p", [".1", ".3"]), ("p", [".1", ".2"]), ("q", [".1"])]
    )
    assert rows == [[0.1], [0.1, 0.2], [0.1, 0.3], [0.1, 0.2], [0.1]]
    assert inner.asked == [[".1", ".2"], [".1", ".3"], [".1"]]


@pytest.mark.parametrize(
    "other",
    [("q", [".1"]), ("p", [".10"]), ("p.1", [""]), ("p", ["", ".1"]), ("", ["p", ".1"])],
)
def test_another_text_is_never_taken_for_it(other):
    inner = Whole(lambda steps: [0.5] * len(steps))
    scorer = cached(inner)
    scorer.score_many([("p", [".1"])])
    scorer.score_many([other])
    assert len(inner.asked) == 2


def test_where_the_whole_counts_a_prefix_is_scored_by_itself():
    inner = Whole()
    scorer = cached(inner, by_prefix=False)
    assert scorer.score_many([("p", ["a", "b"]), ("p", ["a"])]) == [[0.5, 0.5], [1.0]]
    assert scorer.score_many([("p", ["a"]), ("p", ["a", "b"])]) == [[1.0], [0.5, 0.5]]
    assert inner.asked == [["a", "b"], ["a"]]


def test_models_do_not_share_what_they_say():
    memory = [StepMemory(name, by_prefix=True) for name in ("a", "b")]
    assert memory[0].keys("p", ["a"]) != memory[1].keys("p", ["a"])


def test_what_cannot_be_scored_is_told_each_time_and_its_beginning_still_scored():
    inner = Written()
    scorer = cached(inner)
    refused, begun = scorer.score_each([("p", [".1", "bad"]), ("p", [".1"])])
    assert isinstance(refused, InputError)
    assert begun == [0.1]
    assert inner.asked == [[".1", "bad"], [".1"]]
    assert isinstance(scorer.score_each([("p", [".1", "bad"])])[0], InputError)
    assert len(inner.asked) == 3


def test_an_error_for_all_is_raised_and_nothing_of_it_kept():
    scorer = cached(Whole())
    with pytest.raises(InputError, match="too long"):
        scorer.score_many([("p", ["a"]), ("p", ["bad"])])
    assert scorer.score_many([("p", ["a"])]) == [[1.0]]
    assert scorer.counts()["scored"] == 3


@pytest.mark.parametrize("row", [[0.5], [0.5] * 3, [float("nan")] * 2, [1.5, 0.5], [-0.1, 0.5]])
def test_nonsense_is_told_and_not_kept(row):
    scorer = cached(Whole(lambda _: row))
    for _ in range(2):
        with pytest.raises(BackendError, match="the scorer returned"):
            scorer.score_many([("p", ["a", "b"])])


def test_it_is_bounded_and_what_was_used_last_stays():
    inner = Written()
    memory = StepMemory("model", by_prefix=True, limit=4)
    scorer = CachedScorer(inner, memory)
    scorer.score_many([("p", [".1", ".2"])])
    scorer.score_many([("q", [".1", ".2"])])
    scorer.score_many([("p", [".1", ".2"])])
    scorer.score_many([("r", [".1", ".2"])])
    assert len(memory) == 4
    scorer.score_many([("p", [".1", ".2"])])
    assert len(inner.asked) == 3
    scorer.score_many([("q", [".1", ".2"])])
    assert len(inner.asked) == 4


def test_a_solution_longer_than_all_it_may_keep_is_scored_all_the_same():
    scorer = cached(Written(), limit=2)
    assert scorer.score_many([("p", [".1", ".2", ".3"]), ("p", [".1"])]) == [[0.1, 0.2, 0.3], [0.1]]


def test_half_a_surrogate_pair_is_a_text_like_any_other():
    assert cached(Whole()).score_many([("\ud800", ["\udfff"])]) == [[1.0]]


class Waiting(Queued):
    """Answers when it is told to."""

    def __init__(self):
        self.futures = []

    def submit(self, problem, steps):
        self.futures.append(Future())
        return self.futures[-1]

    def counts(self):
        return {"retries": 5}

    def close(self):
        self.closed = True


def test_what_is_queued_is_remembered_once_it_is_there():
    inner = Waiting()
    scorer = cached(inner)
    assert isinstance(scorer, QueuedScorer)
    first = scorer.submit("p", ["a", "b"])
    assert not first.done()
    inner.futures[0].set_result([0.2, 0.4])
    assert first.result() == [0.2, 0.4]
    assert scorer.submit("p", ["a"]).result(0) == [0.2]
    assert scorer.counts() == {"solutions": 2, "scored": 1, "retries": 5}


def test_what_failed_or_was_cancelled_is_asked_again():
    inner = Waiting()
    scorer = cached(inner)
    scorer.submit("p", ["a"]).cancel()
    scorer.submit("p", ["a"])
    inner.futures[1].set_exception(BackendError("gone"))
    scorer.submit("p", ["a"])
    assert len(inner.futures) == 3


class Stepwise(Waiting):
    """Pays for each step; refuses those that say `bad`."""

    def __init__(self):
        super().__init__()
        self.paid = []

    def submit_step(self, problem, steps):
        self.paid.append(list(steps))
        future = Future()
        if steps[-1] == "bad":
            future.set_exception(InputError("too long"))
        else:
            future.set_result(float(steps[-1]))
        return future


def test_steps_that_are_known_are_not_paid_for():
    inner = Stepwise()
    scorer = cached(inner)
    assert scorer.submit("p", [".1", ".2"]).result() == [0.1, 0.2]
    assert scorer.submit("p", [".1", ".2", ".3"]).result() == [0.1, 0.2, 0.3]
    assert scorer.score_many([("p", [".1", ".4"])]) == [[0.1, 0.4]]
    assert inner.paid == [[".1"], [".1", ".2"], [".1", ".2", ".3"], [".1", ".4"]]


def test_steps_that_solutions_share_are_paid_for_once():
    inner = Stepwise()
    one, two, three = cached(inner).score_each(
        [("p", [".1", ".2"]), ("p", [".1", "bad", ".3"]), ("p", [".1", ".4"])]
    )
    assert (one, three) == ([0.1, 0.2], [0.1, 0.4])
    assert isinstance(two, InputError)
    assert len(inner.paid) == 5
    assert inner.paid.count([".1"]) == 1


def test_a_scorer_that_cannot_queue_is_waited_for():
    scorer = cached(Whole())
    assert scorer.submit("p", ["a"]).result(0) == [1.0]
    with pytest.raises(InputError, match="too long"):
        cached(Written()).submit("p", ["bad"]).result(0)
    assert failed(InputError("x")).done()
