from __future__ import annotations

import pytest

from omega_fast.records import ThoughtMarkers
from omega_fast.verifiers.extract import extract_answer, said_aloud, strip_wrappers


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so $x = \boxed{5}$.", "5"),
        (r"first \boxed{3}, no: \boxed{4}", "4"),
        (r"\fbox{12}", "12"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\left\{ 1, 2 \right.}", r"\left\{ 1, 2 \right."),
        (r"\boxed {7}", "7"),
        (r"\boxed{a_{\boxed{1}}}", r"a_{\boxed{1}}"),
        (r"a set {1, 2 and \boxed{3}", "3"),
        ("2 + 2 = 4\n#### 4", "4"),
        ("she pays\n#### $1,234.50\n", "$1,234.50"),
        ("#### 18\n\nQuestion: and then?", "18"),
        ("3 * 6 = <<3*6=18>>18\nA: 18", "18"),
        ("A: 18\nB: 19\nA: 20 ", "20"),
        ("x 1 + 6 = 7\nanswer 7 3", "7 3"),
        ("answer  -7   3\n", "-7 3"),
        ("The answer is 42.", "42"),
        ("Thus the answer is 3.5. It is small", "3.5"),
        (r"The final answer is $\frac{3}{4}$.", r"\frac{3}{4}"),
        ("**Final Answer:** 17", "17"),
        ("Answer: (B)", "(B)"),
        ("The answer is: 5\nNo, the answer is 6", "6"),
    ],
)
def test_a_marked_answer_is_found(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "2 + 2 = 4",
        r"\boxed{}",
        r"so it is \boxed{12",
        "#### Step 1\nwe add",
        "A: 18\nbut wait",
        "answer",
    ],
)
def test_an_unmarked_answer_is_none(text: str) -> None:
    assert extract_answer(text) is None


def test_an_unfinished_box_does_not_hide_the_finished_one_before_it() -> None:
    assert extract_answer(r"\boxed{3} or \boxed{4") == "3"


def test_a_box_outweighs_a_phrase() -> None:
    assert extract_answer(r"\boxed{3}. The answer is 4") == "3"


def test_the_last_number_counts_only_if_asked_for() -> None:
    assert extract_answer("we get 12, then 1,300") is None
    assert extract_answer("we get 12, then 1,300", plain=True) == "1,300"


@pytest.mark.parametrize(
    "piece", [r"\boxed{", "}", "{", "answer is ", "#### ", "A: \n", "\\", "answer: ", "1,"]
)
@pytest.mark.timeout(20)
def test_a_million_characters_of_markers_are_read_in_one_pass(piece: str) -> None:
    extract_answer(piece * (1_000_000 // len(piece)), plain=True)


@pytest.mark.parametrize("text", [" $5$. ", r"\(5\)", r"\[ 5 \]", "**5**", "$$5$$", "`5`", "5;"])
def test_the_marks_around_an_answer_are_stripped(text: str) -> None:
    assert strip_wrappers(text) == "5"


def test_two_formulas_are_not_one_wrapper() -> None:
    assert strip_wrappers("$5$ and $6$") == "$5$ and $6$"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"<think>is it \boxed{3}?</think>It is \boxed{4}.", "4"),
        (r"<think>The answer is 3.</think>The answer is 4.", "4"),
        (r"is it \boxed{3}?</think>It is \boxed{4}.", "4"),
        (r"It is \boxed{4}.<think>or \boxed{3}?</think>Yes.", "4"),
        (r"\boxed{4}</think></think>\boxed{5}</think>", "5"),
        (r"<think>\boxed{3}</think>We are done.", None),
        (r"<think>so \boxed{3} or", None),
        (r"It is \boxed{4}. <think>Wait, \boxed{5}", None),
        (r"<think>a <think> b</think>\boxed{1}", "1"),
        (r"</think>\boxed{2}", "2"),
        (r"<think></think>", None),
    ],
)
def test_only_an_answer_outside_of_thoughts_counts(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


def test_a_number_in_an_unfinished_thought_is_no_answer_even_where_any_number_would_do() -> None:
    assert extract_answer("<think>we get 12", plain=True) is None


def test_markers_can_be_others() -> None:
    channels = ThoughtMarkers("<|channel|>analysis<|message|>", "<|channel|>final<|message|>")
    text = r"<|channel|>analysis<|message|>\boxed{3}<|end|><|channel|>final<|message|>\boxed{4}"
    assert extract_answer(text, thought=channels) == "4"
    assert extract_answer(r"<think>\boxed{3}", thought=channels) == "3"


@pytest.mark.parametrize("text", ["", "no thought at all", "a < b > c"])
def test_a_text_without_markers_is_all_said_aloud(text: str) -> None:
    assert said_aloud(text) == text
