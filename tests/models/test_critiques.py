import pytest

from omega_fast.models.critiques import form_of, is_conversation, read_sign, solution_messages

BOXED = (
    "<verify>\nexpression: a\nresult: b\n</verify>\n<judge>\nfine\n</judge>\n<output>\n\\boxed{%s}\n</output>"
)


@pytest.mark.parametrize(("sign", "right"), [("+", True), ("-", False)])
def test_a_verdict_is_read_with_its_place_and_its_opposite(sign, right):
    reply = BOXED % sign
    found = read_sign(reply, "boxed")
    assert found.right is right
    assert reply[found.start : found.end] == sign
    assert found.other == {"+": "-", "-": "+"}[sign]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "\\boxed{+}",
        "x" * 2**20,
        "<output>\n\\boxed{+}\n",
        "<output>\n\\boxed{+} \\boxed{-}\n</output>",
        "<output>\n\\boxed{+}\n</output>\n<output>\n\\boxed{-}\n</output>",
        "<verify>\n<output>\n\\boxed{+}\n</output>\n</verify>\n<output>\n\\boxed{-}\n</output>",
        "<output>\n\\boxed{+}\n</output> and more",
        "<output>\n\\boxed{?}\n</output>",
        "<output>" * 10_000 + "\\boxed{+}</output>",
    ],
)
def test_whatever_leaves_a_doubt_is_no_verdict(reply):
    assert read_sign(reply, "boxed") is None


def test_a_verdict_that_a_tool_is_quoted_with_does_not_count():
    quoted = "<verify>\n\\boxed{+}\n</verify>\n<output>\n\\boxed{-}\n</output>"
    assert read_sign(quoted, "boxed").right is False


def test_a_word_alone_is_a_verdict_of_the_other_form():
    assert read_sign(" Right.\n", "word").right is True
    assert read_sign("Wrong", "word").other == "Right"
    for reply in ("right", "Right or Wrong", "It is Right", "Rightly", ""):
        assert read_sign(reply, "word") is None


def test_the_form_is_the_one_that_all_replies_have():
    assert form_of([BOXED % "+", BOXED % "-"]) == "boxed"
    assert form_of(["Right", "Wrong"]) == "word"
    assert form_of(["Right", BOXED % "-"]) is None


def test_a_solution_becomes_turns_that_begin_with_the_problem():
    messages = solution_messages("p", ["a", "b"], ["+"], "be strict")
    assert [(each["role"], each["content"]) for each in messages] == [
        ("system", "be strict"),
        ("user", "p\na"),
        ("assistant", "+"),
        ("user", "b"),
    ]
    assert not is_conversation(messages)
    assert is_conversation(messages[:3])
