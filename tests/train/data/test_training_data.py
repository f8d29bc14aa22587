import math

import pytest

from omega_fast.errors import ConfigError, InputError, StoreError
from omega_fast.store.formats import TRL, Place, RowFault
from omega_fast.store.formats.labelled import labelled
from omega_fast.train.data import (
    Example,
    Faults,
    class_weights,
    held_out,
    normalised,
    read_examples,
    separator_of,
    sibling_pairs,
    split_by_question,
    values_of,
    without_duplicates,
)
from tests.train.solutions import solution, solutions


def example(hard=None, soft=None, **more) -> Example:
    steps = [f"step {number}\n" for number in range(len(hard or soft))]
    return Example(labelled("q", steps, hard, soft), **more)


MIXED = example(hard=[True, True, False, None], soft=[0.75, None, 0.0, 0.25])


@pytest.mark.parametrize(
    ("labels", "threshold", "expected"),
    [
        ("soft", None, [0.75, None, 0.0, 0.25]),
        ("hard", None, [1.0, 1.0, 0.0, 1.0]),
        ("hard", 0.5, [1.0, 1.0, 0.0, 0.0]),
        ("hard", 0.8, [0.0, 1.0, 0.0, 0.0]),
        ("soft-or-hard", None, [0.75, 1.0, 0.0, 0.25]),
    ],
)
def test_the_kind_of_label_decides_the_value_of_a_step(labels, threshold, expected):
    assert values_of(MIXED, labels, threshold) == expected


def test_a_question_is_held_out_by_its_text_alone():
    texts = [f"question {number}" for number in range(4000)]
    share = sum(held_out(text, 0.1) for text in texts) / len(texts)
    assert share == pytest.approx(0.1, abs=0.02)
    assert [held_out(text, 0.1) for text in texts] == [held_out(f" {text}\n", 0.1) for text in texts]
    assert all(held_out(text, 0.3) for text in texts if held_out(text, 0.1))
    assert held_out("fixed", 0.3) is False  # for good: a new hash would leak held-out questions into training


def test_no_question_is_in_both_parts():
    given = [Example(solution(number % 20, "+" * (1 + number // 20))) for number in range(60)]
    train, held = split_by_question(given, 0.4)
    assert train
    assert held
    assert not {each.solution.question for each in train} & {each.solution.question for each in held}
    assert len(train) + len(held) == 60


def test_holding_everything_out_is_an_error():
    with pytest.raises(ConfigError, match="held out"):
        split_by_question([example(hard=[True])], 0.999999)


def test_equal_solutions_are_used_once_and_contradictions_counted():
    first, other = example(hard=[True, False]), example(hard=[True, True])
    kept, found = without_duplicates([first, first, other, example(hard=[True])])
    assert kept == [first, example(hard=[True])]
    assert (found.dropped, found.contradicting) == (2, 1)


def test_where_steps_are_cut_tells_solutions_apart():
    one, other = Example(labelled("q", ["ab", "c"])), Example(labelled("q", ["a", "bc"]))
    assert without_duplicates([one, other])[0] == [one, other]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(["a\n\n", "b\n\n", "c"], "\n\n"), (["a\n", "b\n"], "\n"), (["a", "b"], "\n\n"), (["a\n"], "\n")],
)
def test_the_separator_is_what_steps_end_in(steps, expected):
    assert separator_of([Example(labelled("q", steps))]) == expected


def test_siblings_share_everything_but_their_last_step():
    given = [
        Example(labelled("q", ["a", "b"], soft=[0.9, 0.1])),
        Example(labelled("q", ["a", "c"], soft=[0.9, 0.8])),
        Example(labelled("q", ["d"], soft=[0.2])),
        Example(labelled("other", ["e"], soft=[0.0])),
    ]
    found = sibling_pairs(given, "soft")
    assert [(pair.first, pair.second, pair.values) for pair in found] == [
        (("a",), ("d",), (0.9, 0.2)),
        (("a", "b"), ("a", "c"), (0.1, 0.8)),
    ]


def test_equal_values_make_no_pair_and_a_prefix_no_more_than_asked_for():
    given = [Example(labelled("q", [f"s{number}"], soft=[number // 2 / 10])) for number in range(8)]
    assert len(sibling_pairs(given, "soft", most=100)) == 24
    few = sibling_pairs(given, "soft", most=5)
    assert len(few) == 5
    assert {(pair.first, pair.second) for pair in few} == {
        (pair.first, pair.second) for pair in sibling_pairs(given, "soft", most=5)
    }


def test_weights_of_classes_and_solutions_have_a_mean_of_one():
    assert class_weights([1.0, 1.0, 1.0, 0.0]) == pytest.approx((2.0, 2 / 3))
    assert class_weights([1.0, 1.0]) == (1.0, 1.0)
    assert normalised([2.0, 6.0]) == [0.5, 1.5]
    assert normalised([0.0, 0.0]) == [1.0, 1.0]


def test_a_file_of_any_format_is_read(tmp_path):
    given = solutions(5)
    path = tmp_path / "rows.jsonl"
    TRL.write_rows(path, [row for each in given for row in TRL.from_solution(each)])
    found = list(read_examples(path, Faults()))
    assert [each.solution.steps for each in found] == [each.steps for each in given]
    assert found[2].place.number == 3


def test_rows_of_a_file_that_cannot_be_read_are_counted(tmp_path):
    path = tmp_path / "rows.jsonl"
    TRL.write_rows(path, [row for each in solutions(2) for row in TRL.from_solution(each)])
    path.write_text(path.read_text() + '{"prompt": 7}\nnot json\n')
    faults = Faults()
    assert len(list(read_examples(path, faults))) == 2
    assert faults.counts == {"unreadable": 2}
    with pytest.raises(InputError, match="line 3"):
        list(read_examples(path, Faults("refuse")))


def test_a_folder_that_is_no_run_and_a_run_without_results_are_told(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(StoreError, match="replay"):
        list(read_examples(tmp_path, Faults()))
    with pytest.raises(InputError):
        list(read_examples(tmp_path / "absent.jsonl", Faults()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"soft": [math.nan]},
        {"soft": [1.5]},
        {"soft": [-0.1]},
        {"hard": [True], "start": math.nan},
        {"hard": [True], "weight": math.inf},
    ],
)
def test_numbers_that_cannot_be_are_no_labels(wrong):
    faults = Faults()
    assert list(read_examples([example(**wrong)], faults)) == []
    assert faults.counts == {"bad_label": 1}


def test_only_the_first_faults_are_named_but_all_are_kept():
    kept = []
    faults = Faults(keep=kept.append)
    for number in range(20):
        faults.add("no_label", RowFault(Place("file", number), "it has none", {}))
    assert len(kept) == 20
    assert len(faults.named) == 5
