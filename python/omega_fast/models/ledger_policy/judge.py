"""The embedded policy's tokenizer for conversations: the same tokens, marks of critiques as single ones, a template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from omega_fast.models.ledger_policy.location import ASSETS
from omega_fast.tasks.ledger.vocabulary import NAMES, NOUNS, STORY_VERBS

__all__ = ["CHAT_TEMPLATE", "JUDGE_MARKS", "judge_tokenizer", "tell_apart", "unseen_tokens"]

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] }}{{ '\\n' }}{% endif %}{% endfor %}"
)
"""A line for each user message, as the policy was trained to read problem and steps; replies end in `<eos>`."""

JUDGE_MARKS = (
    "<verify>\nresult: ",
    "\n</verify>\n<judge>\n",
    "\n</judge>\n<output>\n\\boxed{",
    "}\n</output>",
    "carried out, it gives",
    "it is the line of no statement that is ready",
    ", the line says",
    "the answer comes too soon",
    "carried out, this statement is '",
    "<verify>\n",
    "\n</verify>\n",
    "<judge>\n",
    "\n</judge>\n",
    "<output>\n\\boxed{",
)
"""What the ledger's executor says, and what stands around it; as letters these would take ten times the tokens."""

_SEEN = " x y is . add take times ? a b c d e f g h + - * = answer 0 1 2 3 4 5 6 7 8 9\n"
_STORY = (*NAMES, *(f" {word}" for word in (*NAMES, *NOUNS, *STORY_VERBS.values(), "has", "as many as")))
_SIGNS = ("+", "-", "'")
_NORM = 1.4
"""Of the embeddings of numbers and names that the policy was trained on."""


def unseen_tokens(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The tokens of critiques and stories that the policy was never trained on, in order."""
    seen = set(tokenizer(_SEEN, add_special_tokens=False)["input_ids"])
    texts = (*JUDGE_MARKS, *_SIGNS, *_STORY)
    found = {each for text in texts for each in tokenizer(text, add_special_tokens=False)["input_ids"]}
    return sorted(found - seen)


def tell_apart(network: Any, tokens: Sequence[int], seed: int) -> None:
    """Draw the embeddings of tokens anew, in random directions and as long as those of names and numbers.

    Training pushes whatever never occurs the same way: the cosine of two such tokens is .999, so that a model could
    hardly learn which is which.

    Args:
        network: The policy; input and output share the matrix.
        tokens: The ids.
        seed: Of the directions.
    """
    weight = network.get_input_embeddings().weight
    drawn = torch.randn(len(tokens), weight.shape[1], generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        weight[list(tokens)] = (_NORM * drawn / drawn.norm(dim=1, keepdim=True)).to(weight)


def judge_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer with `JUDGE_MARKS` in the place of its first `<extra_...>` tokens; no id means anything else."""
    policy: Any = AutoTokenizer.from_pretrained(ASSETS)
    described = json.loads(policy.backend_tokenizer.to_str())
    marks = {f"<extra_{number}>": mark for number, mark in enumerate(JUDGE_MARKS)}
    for token in described["added_tokens"]:
        if token["content"] in marks:
            token |= {"content": marks[token["content"]], "special": False, "normalized": False}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(described)),
        pad_token=policy.pad_token,
        bos_token=policy.bos_token,
        eos_token=policy.eos_token,
        padding_side="right",
        model_max_length=policy.model_max_length,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
        chat_template=CHAT_TEMPLATE,
    )
