import pytest
from hypothesis import given
from hypothesis import strategies as st

from omega_fast.exchange.step_groups import Draw, result_of, similar_groups, similarity, step_groups


def values(draws, threshold=0.85):
    return {text: group.value for group in step_groups(draws, threshold) for text in group.texts}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("abc", "abc", 1.0), (" abc\n", "abc", 1.0), ("ab", "cd", 0.0), ("abcd", "abed", 0.75), ("", "", 1.0)],
)
def test_similarity_is_twice_the_common_subsequence_by_the_lengths(one, other, expected):
    assert similarity(one, other) == expected


@given(st.text(), st.text())
def test_similarity_does_not_depend_on_the_order(one, other):
    assert similarity(one, other) == similarity(other, one)


@pytest.mark.parametrize(
    ("step", "result"),
    [
        ("3 + 4 = 7", "7"),
        ("so 3 + 4 = 7 apples.", "7"),
        ("= 1,000", "1000"),
        ("a = 2 = 1.5", "1.5"),
        ("answer 6 9", "6 9"),
        ("x = Y + z", "y+z"),
        ("think", ""),
    ],
)
def test_the_result_is_what_stands_behind_the_last_equals_sign(step, result):
    assert result_of(step) == result


def test_similar_steps_with_different_results_stay_apart():
    assert similar_groups({"3 + 4 = 7": 1, "3 + 4 = 8": 1}, 0.85) == [["3 + 4 = 7"], ["3 + 4 = 8"]]


def test_steps_join_at_the_threshold_and_not_below():
    texts = {"abcd": 2, "abed": 1}
    assert similar_groups(texts, 0.75) == [["abcd", "abed"]]
    assert similar_groups(texts, 0.7501) == [["abcd"], ["abed"]]


@given(st.dictionaries(st.text("ab=1", max_size=6), st.integers(1, 3)), st.randoms())
def test_groups_do_not_depend_on_the_order_in_which_steps_came(texts, chance):
    shuffled = list(texts.items())
    chance.shuffle(shuffled)
    assert similar_groups(dict(shuffled), 0.6) == similar_groups(texts, 0.6)
    assert sorted(text for group in similar_groups(texts, 0.6) for text in group) == sorted(texts)


def test_a_group_is_worth_one_or_nothing_where_all_agree_and_else_their_share():
    draws = [
        Draw(("first = 1\n", "a = 2\n"), 0, True),
        Draw(("first = 1\n", "a = 2\n"), 0, True),
        Draw(("first = 1\n", "a = 3\n"), 0, False),
        Draw(("second = 5\n",), 0, False),
    ]
    assert values(draws) == {
        ("", "first = 1\n"): 2 / 3,
        ("", "second = 5\n"): 0,
        ("first = 1\n", "a = 2\n"): 1,
        ("first = 1\n", "a = 3\n"): 0,
    }


def test_similar_steps_share_a_value_and_keep_their_texts():
    draws = [
        Draw(("we add 3 + 4 = 7\n", "end = 1"), 0, True),
        Draw(("We add 3 + 4 = 7\n", "end = 1"), 0, False),
    ]
    assert values(draws) == {
        ("", "we add 3 + 4 = 7\n"): 0.5,
        ("", "We add 3 + 4 = 7\n"): 0.5,
        ("we add 3 + 4 = 7\n", "end = 1"): 0.5,
        ("We add 3 + 4 = 7\n", "end = 1"): 0.5,
    }


def test_continuations_count_from_the_step_before_which_they_were_launched():
    draws = [
        Draw(("a\n", "b\n", "c"), 0, False),
        Draw(("a\n", "b\n", "c"), 1, True),  # launched right after a
        Draw(("a\n", "b\n", "c"), 2, True),  # launched right after b, tells nothing of a
    ]
    assert values(draws) == {("", "a\n"): 1 / 2, ("a\n", "b\n"): 2 / 3, ("a\nb\n", "c"): 2 / 3}


def test_a_step_that_only_prefixes_hold_has_no_value():
    assert values([Draw(("a\n", "b\n", "c"), 2, True)]) == {
        ("", "a\n"): None,
        ("a\n", "b\n"): 1,
        ("a\nb\n", "c"): 1,
    }
