"""The embedded policy's tokenizer for conversations: the same tokens, marks of critiques as single ones, a template."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from omega_fast.models.ledger_policy.location import ASSETS

__all__ = ["CHAT_TEMPLATE", "JUDGE_MARKS", "UNSEEN", "judge_tokenizer"]

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

UNSEEN = (*JUDGE_MARKS, "+", "-", "'")
"""Tokens of critiques that the policy was never trained on: these signs it knows with a blank before them alone."""


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
