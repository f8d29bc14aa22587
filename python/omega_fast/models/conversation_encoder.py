"""A conversation as token ids by the tokenizer's chat template, with the tokens that the assistant wrote marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.models.critiques import Message
from omega_fast.models.step_encoder import UnfitError

__all__ = ["ConversationEncoder", "EncodedConversation"]

_MARKED = re.compile(r"\{%-?\s*generation\s*-?%\}")


@dataclass(frozen=True, slots=True)
class EncodedConversation:
    """The tokens of a conversation, and for each whether the assistant wrote it, the end of its turn included.

    Attributes:
        ids: The tokens.
        spoken: Whether the assistant wrote each.
        text: What was made into tokens.
        spans: First and last character of each token in it, the latter excluded.
    """

    ids: tuple[int, ...]
    spoken: tuple[bool, ...]
    text: str
    spans: tuple[tuple[int, int], ...]

    def token_at(self, character: int) -> int | None:
        """The token that a character of the text belongs to; `None` if it belongs to none."""
        return next((at for at, (begin, end) in enumerate(self.spans) if begin <= character < end), None)


class ConversationEncoder:
    """Renders conversations and tells which tokens are the assistant's.

    A template with `{% generation %}` marks says so itself. Of another one the assistant wrote what is rendered between
    the prompt for its answer and the end of its message, the mark that ends the turn included, blank characters behind
    that mark left out. This holds only where a longer conversation is rendered as the shorter one and more; others are
    refused. A token that reaches across the edge is not the assistant's.

    Args:
        tokenizer: A transformers tokenizer.
        max_length: Tokens that a conversation may have.
        template: A chat template instead of the tokenizer's own.

    Raises:
        ConfigError: There is no chat template.
        BackendError: The tokenizer cannot tell where tokens stand.
    """

    def __init__(self, tokenizer: Any, max_length: int, template: str | None = None) -> None:
        if template is not None:
            tokenizer.chat_template = template
        if not tokenizer.chat_template:
            raise ConfigError(
                "the tokenizer has no chat template",
                hint="give one with --chat-template, or use a chat model",
            )
        if not tokenizer.is_fast:
            raise BackendError(
                "the tokenizer does not tell where tokens stand in a text",
                hint="save it in the form of the tokenizers library (tokenizer.json)",
            )
        self.tokenizer = tokenizer
        self.max_length = max_length
        self._marks = bool(_MARKED.search(tokenizer.get_chat_template()))

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The tokens that the assistant's next message is to continue.

        Raises:
            UnfitError: They leave no room for a token.
            InputError: The template cannot render them.
        """
        ids = tuple(self._tokens(self._render(messages, opens=True))["input_ids"])
        if len(ids) >= self.max_length:
            raise _too_long(len(ids), self.max_length)
        return ids

    def encode(self, messages: Sequence[Message]) -> EncodedConversation:
        """A whole conversation.

        Raises:
            UnfitError: It is too long; nothing is cut off.
            InputError: The template cannot render it, or nothing of it is the assistant's for certain.
        """
        text = self._render(messages, opens=False)
        found = self._tokens(text)
        ids = tuple(found["input_ids"])
        if len(ids) > self.max_length:
            raise _too_long(len(ids), self.max_length)
        if self._marks:
            spoken = tuple(map(bool, self._marked(messages, ids)))
        else:
            spans = self._spans(messages, text)
            spoken = tuple(
                begin < end and any(low <= begin and end <= high for low, high in spans)
                for begin, end in found["offset_mapping"]
            )
        if not any(spoken[1:]):
            raise InputError(
                "no token of it is the assistant's",
                hint="look at the chat template and its {% generation %} marks",
            )
        return EncodedConversation(ids, spoken, text, tuple(map(tuple, found["offset_mapping"])))

    def _marked(self, messages: Sequence[Message], ids: tuple[int, ...]) -> list[int]:
        found = self.tokenizer.apply_chat_template(
            list(messages), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        assert tuple(found["input_ids"]) == ids, "rendered alike"
        return list(found["assistant_masks"])

    def _spans(self, messages: Sequence[Message], text: str) -> list[tuple[int, int]]:
        """First and last character, the latter excluded, of what the assistant wrote."""
        spans = []
        for at, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before, after = (
                self._render(messages[:at], opens=True),
                self._render(messages[: at + 1], opens=False),
            )
            said = message["content"].strip()
            if not (text.startswith(before) and text.startswith(after) and said in after[len(before) :]):
                raise InputError(
                    f"the chat template renders message {at + 1} in another way when more follows, or changes it",
                    hint="give a template with {% generation %} marks by --chat-template",
                )
            end = len(before) + after[len(before) :].rfind(said) + len(said)
            spans.append((len(before), len(after.rstrip()) if after[end:].strip() else len(after)))
        return spans

    def _tokens(self, text: str) -> Any:
        return self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)

    def _render(self, messages: Sequence[Message], *, opens: bool) -> str:
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    list(messages), tokenize=False, add_generation_prompt=opens
                )
            )
        except (
            Exception
        ) as error:  # the template is a program that came with the model: it may raise anything
            raise InputError(
                f"the chat template cannot render the conversation: {error}",
                hint="some models take no system message; give another template with --chat-template",
            ) from error


def _too_long(tokens: int, limit: int) -> UnfitError:
    return UnfitError(
        "too_long",
        f"the conversation has {tokens} tokens and may have {limit}",
        hint="leave it out, or raise max_length if the model takes more",
    )
