import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange.consensus import Consensus, Judge
from omega_fast.store.formats import FORMATS
from omega_fast.store.formats.labelled import labelled


def solution(*hard, steps=("a\n", "b\n", "c"), question="Q"):
    return labelled(question, steps[: len(hard)], hard)


@pytest.mark.parametrize(
    ("judged", "first_error", "opinion"),
    [
        ((True, False, None), 1, "agrees"),
        ((True, True, True), None, "agrees"),
        ((False, None, None), 1, "judge_finds_an_earlier_error"),
        ((True, True, False), 1, "judge_finds_no_error_there"),
        ((True, True, True), 1, "judge_finds_no_error_there"),
        ((True, False, None), None, "judge_finds_an_earlier_error"),
        ((True, None, None), 1, "not_judged"),
        ((True, False, None), 2, "judge_finds_an_earlier_error"),
    ],
)
def test_a_judge_compares_first_errors(judged, first_error, opinion):
    assert Judge([solution(*judged)]).opinion("Q", ("a\n", "b\n", "c"), first_error) == opinion


def test_blanks_around_steps_make_no_difference_but_questions_and_cuts_do():
    judge = Judge([solution(True, False)])
    assert judge.opinion(" Q\n", ("a", "b\n\n"), 1) == "agrees"
    assert judge.opinion("other", ("a", "b"), 1) == "not_judged"
    assert judge.opinion("Q", ("ab",), 0) == "not_judged"


def test_two_judgements_that_differ_count_as_none():
    judge = Judge([solution(True, False), solution(True, True)])
    assert judge.opinion("Q", ("a", "b"), 1) == "judge_contradicts_itself"


def test_agreement_is_among_what_was_judged():
    counts = Consensus()
    judge = Judge([solution(True, False)])
    assert judge.keeps(solution(True, False), counts)
    assert not judge.keeps(solution(True, True), counts)
    assert not judge.keeps(solution(None, False), counts)
    assert not judge.keeps(solution(True, False, question="other"), counts)
    assert counts.to_dict() == {
        "kept": 1,
        "agreement": 0.5,
        "rejected": {"judge_finds_an_earlier_error": 1, "labels_have_gaps": 1, "not_judged": 1},
    }


def test_a_file_of_soft_labels_is_refused_with_the_way_out(tmp_path):
    FORMATS["verl"].write_rows(tmp_path / "soft.jsonl", [labelled("Q", ("a",), None, (0.5,))])
    with pytest.raises(InputError, match="has no hard labels") as error:
        Judge.read(tmp_path / "soft.jsonl")
    assert "--threshold" in (error.value.hint or "")


def test_a_format_that_does_not_tell_where_a_question_ends_is_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("prefix,step,value\nQ,a,1\n")
    with pytest.raises(ConfigError, match="does not tell whole solutions"):
        Judge.read(tmp_path / "rows.csv")
