"""Tiny random checkpoints of the published shapes, saved as their authors save them."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2Model,
)

CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<extra_0>"]
CORPUS = ["x is 9 . y is 1 .\n\nb x take 2 .\n\nanswer 7 9 Step 1: naïve ки\nStep 2: — + - 数学"] * 4

SOLUTIONS = [
    ("x is 9 . y is 1 . ?", ["a y 1 + 8 = 9", "b x 9 - 2 = 7\n\n", "answer 7 9"]),
    ("数学 — naïve?", ["one step alone"]),
    ("x?", [f"step {i}" for i in range(7)]),
]

_SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.4,
}


def tokenizer(chat: bool = True) -> PreTrainedTokenizerFast:
    """Byte-level BPE with the markers of all shapes."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(CORPUS, trainer)
    made.add_tokens(["ки"])
    finished = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>")
    finished.chat_template = CHAT if chat else None
    return finished


def shepherd(folder: Path, seed: int = 0) -> Path:
    """A Mistral language model."""
    words = tokenizer(chat=False)
    torch.manual_seed(seed)
    config = MistralConfig(vocab_size=len(words), sliding_window=None, **_SHAPE)
    MistralForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def rlhflow(folder: Path, seed: int = 0) -> Path:
    """A Llama chat model."""
    words = tokenizer()
    torch.manual_seed(seed)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(words), **_SHAPE)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def qwen(folder: Path, seed: int = 0, hidden: int = 32) -> tuple[Path, Qwen2Model, nn.Sequential]:
    """Qwen2 with a head of two layers and the published `config.json`; the parts it was saved from come with it."""
    from safetensors.torch import save_file

    words = tokenizer()
    torch.manual_seed(seed)
    config = Qwen2Config(vocab_size=len(words), **{**_SHAPE, "hidden_size": hidden})
    model = Qwen2Model(config).eval()
    head = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2))
    weights = {f"model.{name}": each.contiguous() for name, each in model.state_dict().items()}
    weights |= {f"score.{name}": each.contiguous() for name, each in head.state_dict().items()}
    folder.mkdir(parents=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    written = {
        **config.to_dict(),
        "architectures": ["Qwen2ForProcessRewardModel"],
        "auto_map": {"AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel"},
    }
    (folder / "config.json").write_text(json.dumps(written))
    words.save_pretrained(folder)
    return folder, model, head
