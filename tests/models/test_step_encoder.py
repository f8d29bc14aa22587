from itertools import pairwise

import pytest

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.errors import ConfigError
from omega_fast.models.step_encoder import StepEncoder, UnfitError
from tests.backends.tiny_checkpoints import byte_fallback_tokenizer, byte_level_tokenizer

PLAIN = PromptTemplate(style="plain", text="{problem}\n")
STEPS = ["a y 1 + 8 = 9\n", "naïve café\n", "b x 9 - 2 = 7"]


def encoder(tokenizer=None, separator="\n", max_length=1000):
    return StepEncoder(tokenizer or byte_level_tokenizer(), PLAIN, separator, max_length)


@pytest.mark.parametrize("tokenizer", [byte_level_tokenizer(), byte_fallback_tokenizer()])
@pytest.mark.parametrize("separator", ["\n", "\n\n", " ки\n"])
def test_each_end_is_the_last_token_of_its_step(tokenizer, separator):
    made = encoder(tokenizer, separator)
    whole = made.encode("x is 9 . ?", STEPS)
    for count in range(1, len(STEPS) + 1):
        part = made.encode("x is 9 . ?", STEPS[:count])
        assert part.ids == whole.ids[: whole.ends[count - 1] + 1]
        assert part.ends == whole.ends[:count]


def test_each_start_is_the_token_after_the_prompt_or_the_step_before():
    tokenizer = byte_level_tokenizer()
    encoded = encoder(tokenizer).encode("x is 9 . ?", STEPS)
    prompt = len(tokenizer("x is 9 . ?\n")["input_ids"])
    assert encoded.starts == (prompt, *(end + 1 for end in encoded.ends[:-1]))


def test_no_token_spans_a_boundary_even_where_the_tokenizer_would_merge_across_it():
    tokenizer = byte_level_tokenizer()
    made = encoder(tokenizer)
    encoded = made.encode("q", ["b x\n", "\n\nb x\n"])
    starts = [len(tokenizer("q\n")["input_ids"]), *(end + 1 for end in encoded.ends)]
    pieces = [tokenizer.decode(encoded.ids[a:b]) for a, b in pairwise(starts)]
    assert pieces == ["b x\n", "\n\nb x\n"]


def test_a_step_that_carries_the_separator_gets_no_second_one():
    made = encoder()
    assert made.encode("q", ["a\n", "b\n"]) == made.encode("q", ["a", "b"])


def test_what_stands_before_a_text_is_kept():
    made = encoder(byte_fallback_tokenizer())
    assert made.encode("q", ["a"]).ids[0] != byte_fallback_tokenizer().bos_token_id  # it puts none by itself


@pytest.mark.parametrize(
    ("steps", "kind"), [([], "no_steps"), (["a", " \n"], "empty_step"), (["a" * 300], "too_long")]
)
def test_what_cannot_be_encoded_whole_is_refused_by_kind(steps, kind):
    with pytest.raises(UnfitError) as caught:
        encoder(max_length=40).encode("q", steps)
    assert caught.value.kind == kind


def test_the_longest_that_fits_is_taken():
    made = encoder()
    tokens = len(made.encode("q", STEPS).ids)
    assert len(encoder(max_length=tokens).encode("q", STEPS).ids) == tokens
    with pytest.raises(UnfitError):
        encoder(max_length=tokens - 1).encode("q", STEPS)


def test_a_separator_without_tokens_is_refused():
    with pytest.raises(ConfigError, match="separator"):
        encoder(separator="")


def test_the_layout_is_that_of_trl(tmp_path):
    prm_trainer = pytest.importorskip("trl.experimental.prm").PRMTrainer
    tokenizer = byte_level_tokenizer()
    made = StepEncoder(tokenizer, PromptTemplate(style="plain", text="{problem}"), "\n", 1000)
    row = {"prompt": "x is 9 . ?", "completions": ["a y 1", "b x 2"], "labels": [True, False]}
    theirs = prm_trainer.tokenize_row(
        row,
        tokenizer,
        step_separator="\n",
        max_length=None,
        max_completion_length=None,
        train_on_last_step_only=False,
        is_eval=False,
    )
    ours = made.encode(row["prompt"], row["completions"])
    assert list(ours.ids) == theirs["input_ids"]
    assert [at for at, label in enumerate(theirs["labels"]) if label != -100] == list(ours.ends)
