"""The tiny policy's tokenizer: byte-level BPE of 512; a newline and each digit are tokens of their own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from omega_fast.tasks.ledger.demonstrations import CLEAN, demonstrate
from omega_fast.tasks.ledger.draws import stream
from omega_fast.tasks.ledger.generator import LedgerConfig
from omega_fast.tasks.ledger.questions import problems
from omega_fast.tasks.ledger.text import render

__all__ = ["BOS", "EOS", "PAD", "VOCABULARY_SIZE", "build_tokenizer"]

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
VOCABULARY_SIZE = 512
_MAX_LENGTH = 512
_PIECES = Regex(r" ?\d| ?[a-zA-Z]+| ?[^\sa-zA-Z\d]|\s")


def build_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """A tokenizer learnt from the plain and the story skin; equal seeds give equal tokenizers.

    A piece is a digit, a word or a sign, each with the blank before it, or one blank character; merges stay
    inside pieces, so the ids of a text's lines are those of the lines, put together. `tokenizer(text)` puts
    `<bos>` in front. Ids that the corpus leaves free are special tokens `<extra_0>`, `<extra_1>`, ..., for
    markers.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(seed), trainer)
    tokenizer.add_special_tokens(
        [f"<extra_{i}>" for i in range(VOCABULARY_SIZE - tokenizer.get_vocab_size())]
    )
    bos = tokenizer.token_to_id(BOS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, bos)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        padding_side="left",
        model_max_length=_MAX_LENGTH,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def _corpus(seed: int) -> Iterator[str]:
    rng = stream("tokenizer", seed)
    for config in (LedgerConfig(distractors=2), LedgerConfig(skin="story", registers=4, modulus=23)):
        for problem in islice(problems(config, seed, "train"), 1000):
            yield render(problem) + "\n" + "".join(demonstrate(problem, CLEAN, rng))
