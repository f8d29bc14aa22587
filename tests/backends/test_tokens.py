import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_checkpoints import byte_fallback_tokenizer, byte_level_tokenizer

from omega_fast.backends.tokens import cut_tokens, decode_tokens, token_decoder

TOKENIZERS = {"byte_level": byte_level_tokenizer(), "byte_fallback": byte_fallback_tokenizer()}
DECODERS = {name: token_decoder(tokenizer) for name, tokenizer in TOKENIZERS.items()}
BOTH = pytest.mark.parametrize("kind", TOKENIZERS)
TEXTS = st.text(
    st.one_of(st.sampled_from("x is 9.\n\n add é漢字—👩‍👧🇫🇷∑"), st.characters(codec="utf-8")), max_size=40
)


def encode(kind: str, text: str) -> list[int]:
    return TOKENIZERS[kind](text, add_special_tokens=False)["input_ids"]


def continuation(kind: str, text: str) -> tuple[list[int], list[int]]:
    """Ids of a context and of `text` after it, as one text tokenised whole and cut where the context ends."""
    context = encode(kind, "?")
    whole = encode(kind, "?" + text)
    return context, whole[len(context) :]


def is_clean_cut(data: bytes, end: int) -> bool:
    return end == len(data) or data[end] & 0xC0 != 0x80


@BOTH
@given(text=TEXTS)
def test_the_tokens_of_a_text_decode_to_exactly_that_text(kind, text):
    context, ids = continuation(kind, text)
    assert decode_tokens(DECODERS[kind], ids, context)[0] == text


@BOTH
@given(text=TEXTS)
def test_every_end_falls_between_characters_and_the_last_is_the_length_in_bytes(kind, text):
    context, ids = continuation(kind, text)
    _, ends = decode_tokens(DECODERS[kind], ids, context)
    known = [end for end in ends if end >= 0]
    data = text.encode()
    assert len(ends) == len(ids)
    assert known == sorted(known)
    assert all(is_clean_cut(data, end) for end in known)
    assert not ids or ends[-1] == len(data)


@BOTH
@given(text=TEXTS, data=st.data())
def test_ids_cut_at_an_end_decode_to_the_bytes_before_it(kind, text, data):
    context, ids = continuation(kind, text)
    _, ends = decode_tokens(DECODERS[kind], ids, context)
    end = data.draw(st.sampled_from([0, *(end for end in ends if end >= 0)]))
    kept = cut_tokens(ids, ends, end)
    assert kept is not None
    assert decode_tokens(DECODERS[kind], kept, context)[0].encode() == text.encode()[:end]


@BOTH
@given(data=st.data())
@settings(max_examples=200)
def test_any_ids_at_all_give_a_text_and_monotone_ends_within_it(kind, data):
    ids = data.draw(st.lists(st.integers(0, len(TOKENIZERS[kind]) - 1), max_size=30))
    text, ends = decode_tokens(DECODERS[kind], ids, encode(kind, "?"))
    known = [end for end in ends if end >= 0]
    assert known == sorted(known)
    assert all(is_clean_cut(text.encode(), end) for end in known)
    if ids and ends[-1] < 0:
        assert text.endswith("\ufffd")
    elif ids:
        assert ends[-1] == len(text.encode())


@BOTH
@given(data=st.data(), text=TEXTS)
@settings(max_examples=200)
def test_decoding_all_at_once_is_decoding_token_by_token(kind, data, text):
    any_ids = st.lists(st.integers(0, len(TOKENIZERS[kind]) + 3), max_size=30)
    ids = data.draw(any_ids | st.just(encode(kind, text)))
    stream = DECODERS[kind].stream(encode(kind, "?"))
    pushed = "".join(stream.push(id_) for id_ in ids)
    assert stream.text().startswith(pushed)
    assert decode_tokens(DECODERS[kind], ids, encode(kind, "?")) == (stream.text(), tuple(stream.ends))


@given(data=st.data())
@settings(max_examples=200)
def test_byte_level_text_is_the_tokenizers_own_decoding_of_any_ids(data):
    tokenizer = TOKENIZERS["byte_level"]
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=30))
    assert decode_tokens(DECODERS["byte_level"], ids, ())[0] == tokenizer.decode(ids)


@BOTH
def test_a_token_that_ends_inside_a_character_has_no_end(kind):
    context, ids = continuation(kind, "語")
    _, ends = decode_tokens(DECODERS[kind], ids, context)
    assert ends == (-1, -1, 3)


@BOTH
def test_a_character_that_never_ends_is_one_replacement_and_has_no_end(kind):
    context, ids = continuation(kind, "a語")
    text, ends = decode_tokens(DECODERS[kind], ids[:2], context)
    assert text == "a\ufffd"
    assert ends == (1, -1)


@BOTH
def test_ends_are_known_again_after_bytes_that_are_no_character(kind):
    context, ids = continuation(kind, "語a")
    text, ends = decode_tokens(DECODERS[kind], [ids[0], ids[3]], context)
    assert text == "\ufffda"
    assert ends == (-1, 4)


def test_a_leading_blank_belongs_to_the_continuation():
    context, ids = continuation("byte_fallback", " is")
    assert decode_tokens(DECODERS["byte_fallback"], ids, context) == (" is", (2, 3))


def test_an_id_the_tokenizer_does_not_know_spells_nothing():
    ids = [*encode("byte_level", "x"), 5000]
    assert decode_tokens(DECODERS["byte_level"], ids, ()) == ("x", (1, 1))


def test_a_cut_inside_a_token_has_no_ids():
    assert cut_tokens([5, 6, 7], [2, 4, 7], 3) is None


def test_a_cut_at_the_start_keeps_nothing():
    assert cut_tokens([5, 6], [2, 4], 0) == ()


def test_a_cut_leaves_off_tokens_without_text():
    assert cut_tokens([5, 6, 7], [2, 2, 4], 2) == (5,)


def test_a_token_across_a_separator_cannot_be_cut_at_it():
    tokenizer = TOKENIZERS["byte_level"]
    across = next(id_ for word, id_ in tokenizer.get_vocab().items() if "Ċ" in word[:-1])
    ids = [*encode("byte_level", "é"), across]
    text, ends = decode_tokens(DECODERS["byte_level"], ids, ())
    assert cut_tokens(ids, ends, text.encode().index(b"\n") + 1) is None
