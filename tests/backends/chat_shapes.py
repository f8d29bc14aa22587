"""Chat templates of the shapes that models come with, written for these tests, and checkpoints that have them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tiny_checkpoints import byte_level_tokenizer
from tokenizers import AddedToken
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = ["SHAPES", "Shape", "chat_tokenizer", "save_chat_checkpoint"]

_QWEN3 = """
{%- for m in messages -%}
<|im_start|>{{ m.role }}
{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1].strip() }}{% else %}{{ m.content }}{% endif -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% else %}<think>
{% endif %}
{%- endif -%}
"""
_DEEPSEEK = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ m.content }}"
    "{% elif m.role == 'user' %}<|User|>{{ m.content | trim }}"
    "{% else %}<|Assistant|>{{ m.content.split('</think>')[-1] | trim }}<|eos|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}"
)
_LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start|>{{ m.role }}<|stop|>\n\n{{ m.content | trim }}<|eot|>"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant<|stop|>\n\n{% endif %}"
)
_GEMMA = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "<turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end>\n"
    "{% endfor %}{% if add_generation_prompt %}<turn>model\n{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """One family's way to show a chat.

    Attributes:
        template: Its Jinja template.
        prompt: What it makes of the user's words `x is 9 .`.
        special: Its special tokens.
        ends: Those that end a turn, as its generation configuration lists them.
        words: Further tokens added to the vocabulary that are not special.
        opens_thought: Whether the prompt ends inside a thought.
        takes_system: Whether it shows a system message.
    """

    template: str
    prompt: str
    special: tuple[str, ...]
    ends: tuple[str, ...]
    words: tuple[str, ...] = ()
    opens_thought: bool = False
    takes_system: bool = True
    options: dict[str, Any] = field(default_factory=dict)


_THINK = ("<think>", "</think>")
_QWEN_USER = "<|im_start|>user\nx is 9 .<|im_end|>\n<|im_start|>assistant\n"
_QWEN_SPECIAL = ("<|im_start|>", "<|im_end|>")
SHAPES = {
    "qwen3": Shape(
        _QWEN3, f"{_QWEN_USER}<think>\n", _QWEN_SPECIAL, ("<|im_end|>",), _THINK, opens_thought=True
    ),
    "qwen3 without thinking": Shape(
        _QWEN3,
        f"{_QWEN_USER}<think>\n\n</think>\n\n",
        _QWEN_SPECIAL,
        ("<|im_end|>",),
        _THINK,
        options={"enable_thinking": False},
    ),
    "deepseek": Shape(
        _DEEPSEEK,
        "<|bos|><|User|>x is 9 .<|Assistant|><think>\n",
        ("<|bos|>", "<|eos|>", "<|User|>", "<|Assistant|>"),
        ("<|eos|>",),
        _THINK,
        opens_thought=True,
    ),
    "llama3": Shape(
        _LLAMA3,
        "<|bos|><|start|>user<|stop|>\n\nx is 9 .<|eot|><|start|>assistant<|stop|>\n\n",
        ("<|bos|>", "<|start|>", "<|stop|>", "<|eot|>", "<|eom|>"),
        ("<|eom|>", "<|eot|>"),
    ),
    "gemma": Shape(
        _GEMMA,
        "<|bos|><turn>user\nx is 9 .<end>\n<turn>model\n",
        ("<|bos|>", "<turn>", "<end>"),
        ("<end>",),
        takes_system=False,
    ),
}


def chat_tokenizer(shape: Shape) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with the words and the template of a shape."""
    tokenizer = byte_level_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": list(shape.special)})
    if "<|bos|>" in shape.special:
        tokenizer.bos_token = "<|bos|>"
    tokenizer.add_tokens([AddedToken(word, special=False, normalized=False) for word in shape.words])
    tokenizer.chat_template = shape.template
    return tokenizer


def save_chat_checkpoint(folder: Path, shape: Shape) -> Path:
    """A random model with that tokenizer, and the ends of a turn in its generation configuration alone."""
    tokenizer = chat_tokenizer(shape)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        max_position_embeddings=256,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ends = [0, *tokenizer.convert_tokens_to_ids(list(shape.ends))]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    return folder
