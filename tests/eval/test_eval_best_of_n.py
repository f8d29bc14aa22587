import random
from collections import Counter
from itertools import combinations, permutations
from statistics import fmean

import pytest

from omega_fast.eval.best_of_n import (
    EXACT_SUBSETS,
    Samples,
    best_scored,
    majority,
    pass_at_k,
    subsets_of,
    weighted,
)


def drawn(seed: int, m: int = 7) -> tuple[Samples, list[float]]:
    """A question whose right answer is class 0, and scores with ties."""
    rng = random.Random(seed)
    answers = tuple(rng.choice([0, 0, 1, 1, 2, 3, None]) for _ in range(m))
    scores = [round(rng.random(), rng.choice([1, 3])) for _ in answers]
    return Samples(answers, tuple(answer == 0 for answer in answers)), scores


def evenly(best: list[bool]) -> float:
    return sum(best) / len(best) if best else 0.0


def plain(samples: Samples, n: int, judged) -> float:
    """The mean over all subsets of what `judged` finds in each."""
    return fmean(judged(subset) for subset in combinations(range(len(samples.answers)), n))


CASES = [(seed, n) for seed in range(25) for n in (1, 2, 3, 5, 7)]


@pytest.mark.parametrize(("seed", "n"), CASES)
def test_the_best_scored_sample_is_expected_as_over_all_subsets(seed, n):
    samples, scores = drawn(seed)

    def judged(subset):
        top = max(scores[i] for i in subset)
        return evenly([samples.correct[i] for i in subset if scores[i] == top])

    assert best_scored(scores, samples.correct, n) == pytest.approx(plain(samples, n, judged))


@pytest.mark.parametrize(("seed", "n"), CASES)
def test_the_majority_is_expected_as_over_all_subsets(seed, n):
    samples, _ = drawn(seed)

    def judged(subset):
        counts = Counter(samples.answers[i] for i in subset if samples.answers[i] is not None)
        top = max(counts.values(), default=0)
        return evenly([answer == 0 for answer, count in counts.items() if count == top])

    assert majority(samples, n) == pytest.approx(plain(samples, n, judged))


def test_even_ties_are_what_taking_the_first_in_a_random_order_gives():
    samples = Samples((0, 1, 1, 0), (True, False, False, True))
    firsts = []
    for order in permutations(range(4)):
        counts = Counter(samples.answers[i] for i in order[:3])
        firsts.append(counts.most_common(1)[0][0] == 0)
    assert majority(samples, 3) == pytest.approx(fmean(firsts))


@pytest.mark.parametrize(("seed", "n"), CASES)
def test_pass_at_k_is_expected_as_over_all_subsets(seed, n):
    samples, _ = drawn(seed)
    expected = plain(samples, n, lambda subset: any(samples.correct[i] for i in subset))
    assert pass_at_k(7, sum(samples.correct), n) == pytest.approx(expected)


@pytest.mark.parametrize(("seed", "n"), CASES)
def test_the_weighted_vote_over_all_subsets_is_exact(seed, n):
    samples, scores = drawn(seed)

    def judged(subset):
        sums: dict[int, float] = {}
        for i in subset:
            if samples.answers[i] is not None:
                sums[samples.answers[i]] = sums.get(samples.answers[i], 0.0) + scores[i]
        top = max(sums.values(), default=None)
        return evenly([answer == 0 for answer, total in sums.items() if total == top])

    value, variance = weighted(samples, scores, subsets_of(7, n, seed="0"))
    assert (value, variance) == (pytest.approx(plain(samples, n, judged)), 0.0)


@pytest.mark.parametrize("seed", range(10))
def test_equal_scores_make_the_weighted_vote_the_majority(seed):
    samples, _ = drawn(seed)
    for n in (1, 3, 6, 7):
        value, _ = weighted(samples, [0.25] * 7, subsets_of(7, n, seed="0"))
        assert value == pytest.approx(majority(samples, n))


@pytest.mark.parametrize("n", [1, 4, 20, 64])
def test_equal_scores_make_the_best_a_random_sample(n):
    samples, _ = drawn(3, 64)
    assert best_scored([0.5] * 64, samples.correct, n) == pytest.approx(sum(samples.correct) / 64)


def test_too_many_subsets_are_drawn_by_the_seed_and_their_error_is_told():
    samples, scores = drawn(5, 64)
    drawn_once = subsets_of(64, 16, seed="a", draws=400)
    assert not drawn_once.exact
    assert drawn_once == subsets_of(64, 16, seed="a", draws=400)
    assert drawn_once != subsets_of(64, 16, seed="b", draws=400)
    value, variance = weighted(samples, [0.5] * 64, drawn_once)
    assert 0 < variance < 0.25 / 399
    assert abs(value - majority(samples, 16)) < 4 * variance**0.5
    assert weighted(samples, scores, drawn_once)[1] > 0


def test_all_samples_are_one_subset_and_all_pairs_of_64_are_looked_at():
    assert subsets_of(64, 64, seed="a").indices == [tuple(range(64))]
    assert len(subsets_of(64, 2, seed="a").indices) == 64 * 63 // 2 <= EXACT_SUBSETS


def test_without_any_answer_nothing_is_right():
    samples = Samples((None, None), (False, False))
    assert majority(samples, 2) == 0.0
    assert weighted(samples, [0.9, 0.9], subsets_of(2, 2, seed="0")) == (0.0, 0.0)
    assert best_scored([0.9, 0.9], samples.correct, 1) == 0.0


def test_a_question_with_two_right_classes_is_refused():
    with pytest.raises(AssertionError, match="one class"):
        Samples((0, 1), (True, True))
