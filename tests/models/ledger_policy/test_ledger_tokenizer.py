"""What the rest of the package relies on in the tiny policy's tokenizer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

transformers = pytest.importorskip("transformers")

from omega_fast.models.ledger_policy import ASSETS  # noqa: E402
from omega_fast.models.ledger_policy.tokenizer import build_tokenizer  # noqa: E402

TEXT = "x is 9 . y is 1 . a y add 8 . b x times 3 . c x add y . ?\na y 1 + 8 = 9\nanswer 6 9\n"


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(ASSETS)


def test_it_has_512_entries_and_names_its_special_tokens(tokenizer):
    assert len(tokenizer) == 512
    assert (tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token) == ("<pad>", "<bos>", "<eos>")


def test_encoding_puts_the_beginning_of_sequence_in_front_and_no_end_behind(tokenizer):
    ids = tokenizer(TEXT)["input_ids"]
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.eos_token_id not in ids


def test_a_newline_is_always_a_token_of_its_own(tokenizer):
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"]
    assert len(newline) == 1
    assert all("\n" not in text or text == "\n" for text in map(tokenizer.decode, range(len(tokenizer))))


def test_a_digit_is_one_token_together_with_its_blank(tokenizer):
    for digit in "0123456789":
        (with_blank,) = tokenizer(f" {digit}", add_special_tokens=False)["input_ids"]
        (bare,) = tokenizer(digit, add_special_tokens=False)["input_ids"]
        assert with_blank != bare
    assert len(tokenizer(" 123", add_special_tokens=False)["input_ids"]) == 3


def test_a_line_of_work_is_eight_tokens(tokenizer):
    assert len(tokenizer("a y 1 + 8 = 9\n", add_special_tokens=False)["input_ids"]) == 8


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_comes_back_unchanged(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert tokenizer.decode(ids) == text


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.text("ax 19+=.\t", max_size=12), max_size=5))
def test_the_ids_of_lines_put_together_are_those_of_the_text(tokenizer, lines):
    def encode(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    assert encode("".join(f"{line}\n" for line in lines)) == [
        token for line in lines for token in encode(f"{line}\n")
    ]


def test_building_it_again_gives_the_shipped_one(tokenizer):
    assert build_tokenizer(0).get_vocab() == tokenizer.get_vocab()
