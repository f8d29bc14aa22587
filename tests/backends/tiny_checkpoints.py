"""Tiny random models and tokenizers, saved like real checkpoints, and the slow way to sample from one."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from omega_fast.backends.sampler import sample_tokens, seed_key
from omega_fast.records import GenerationRequest, Question, Sampling

CORPUS = [
    "x is 9 . y is 1 . a y add 8 .\n\nb x take 2 .\n\nanswer 7 9",
    "naïve café — “quoted” text, 数学 問題 を 解く, Ελληνικά, עברית",
    "a y 1 + 8 = 9\n\nb x 9 - 2 = 7\n\n" * 4,
    "emoji 👩‍👩‍👧‍👦 👍🏽 🇫🇷 and math ∑∫√ ≤ ≥ \U0001d538\U0001d539",
] * 8
ARCHITECTURES = ("llama", "gpt2", "qwen2", "mistral", "gemma3")
EOS = "<|end|>"
WINDOW = 8

_WIDTH = {"vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
_CONTEXT = 128
_COMMON = {
    **_WIDTH,
    "intermediate_size": 48,
    "num_key_value_heads": 2,
    "max_position_embeddings": _CONTEXT,
    "initializer_range": 0.3,
}


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """GPT-2 style BPE of 320 words that may cut characters into bytes and merges across line ends."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=[EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS)


def byte_fallback_tokenizer() -> PreTrainedTokenizerFast:
    """Llama-2 style BPE: blanks as U+2581, unknown characters as <0xNN> tokens, first blank stripped."""
    byte_words = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = ["\u2581", *sorted(set("\n".join(CORPUS[:1])) - {" ", "\n"})]
    words = {word: id_ for id_, word in enumerate(["<unk>", "<s>", "</s>", *byte_words, *letters])}
    merges = [("\u2581", "i"), ("i", "s"), ("\u2581", "x"), ("a", "d")]
    words |= {first + second: len(words) + at for at, (first, second) in enumerate(merges)}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=merges, unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def config_of(architecture: str) -> AutoConfig:
    """A configuration of that architecture; Mistral's window is short, Gemma's layers take turns."""
    ends = {"bos_token_id": None, "eos_token_id": 0, "pad_token_id": None}
    match architecture:
        case "llama":
            return LlamaConfig(**_COMMON, **ends)
        case "qwen2":
            return Qwen2Config(**_COMMON, **ends)
        case "mistral":
            return MistralConfig(**_COMMON, **ends, sliding_window=WINDOW)
        case "gemma3":
            layers = ["sliding_attention", "full_attention"]
            return Gemma3TextConfig(
                **_COMMON,
                **ends,
                head_dim=8,
                sliding_window=WINDOW,
                layer_types=layers,
                query_pre_attn_scalar=8,
            )
        case _:
            return GPT2Config(
                vocab_size=320, n_embd=32, n_layer=2, n_head=4, n_positions=128, initializer_range=0.3, **ends
            )


def save_checkpoint(folder: Path, architecture: str, seed: int = 0) -> Path:
    """Weights, configuration and the byte-level tokenizer under `folder`."""
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(config_of(architecture)).save_pretrained(folder)
    byte_level_tokenizer().save_pretrained(folder)
    return folder


def request(
    id_: int,
    problem: str = "x is 9 . ?",
    *,
    prefix: str = "",
    prefix_tokens: tuple[int, ...] | None = None,
    seed: int | None = None,
    max_new_tokens: int = 24,
) -> GenerationRequest:
    """A request with its id for a seed."""
    return GenerationRequest(
        id=id_,
        question=Question(id=problem, problem=problem, answer=None),
        prefix=prefix,
        prefix_tokens=prefix_tokens,
        seed=id_ if seed is None else seed,
        max_new_tokens=max_new_tokens,
    )


@torch.inference_mode()
def sample_slowly(
    folder: Path, ids: tuple[int, ...], seed: int, length: int, sampling: Sampling
) -> tuple[int, ...]:
    """What a request should generate: one plain forward over the whole text per token, no cache, no batch."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    generated: list[int] = []
    for step in range(length):
        logits = model(torch.tensor([[*ids, *generated]]), use_cache=False).logits[:, -1]
        token = int(sample_tokens(logits, torch.tensor([seed_key(seed)]), torch.tensor([step]), sampling))
        if token == 0:
            break
        generated.append(token)
    return tuple(generated)
