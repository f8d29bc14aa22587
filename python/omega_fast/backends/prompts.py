"""How a question becomes the text and the token ids a policy continues."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from omega_fast.backends.base import Prompt
from omega_fast.errors import ConfigError, InputError
from omega_fast.records import GenerationRequest, Question

__all__ = ["PromptEncoder", "PromptTemplate", "check_chat_options"]

_PROBLEM = "{problem}"
_PROMPTS_KEPT = 4096
_PLAIN = "leave the chat template out with --no-chat (chat=False in Python and recipes)"
_OWN_ARGUMENTS = frozenset(
    {
        "self",
        "conversation",
        "messages",
        "tokenize",
        "add_generation_prompt",
        "continue_final_message",
        "padding",
        "truncation",
        "max_length",
        "return_tensors",
        "return_dict",
        "return_assistant_tokens_mask",
        "tokenizer_kwargs",
    }
)
"""What `apply_chat_template` takes for itself: how it renders, which is settled here, and no variable of a template."""


def check_chat_options(options: Mapping[str, Any]) -> None:
    """Raise `ValueError` if an option is no variable of a chat template, but steers how one is rendered."""
    wrong = sorted(_OWN_ARGUMENTS.intersection(options))
    if wrong:
        names = ", ".join(wrong)
        raise ValueError(
            f"chat_options are variables of the chat template; {names}: an argument of apply_chat_template, which is "
            "called with arguments of its own: leave it out"
        )


class PromptTemplate(BaseModel):
    """The words around a problem.

    Attributes:
        style: `chat` renders the tokenizer's chat template up to where the assistant speaks, `plain` is the
            words alone; `auto` is `chat` if the tokenizer has a chat template.
        text: What the user says; `{problem}` stands for the problem, other braces for themselves.
        system: System message; in `plain` style it goes first, with a blank line after it.
        chat_options: Further variables of the chat template, such as `enable_thinking`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    style: Literal["auto", "chat", "plain"] = "auto"
    text: str = _PROBLEM
    system: str = ""
    chat_options: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("text")
    @classmethod
    def _shows_the_problem(cls, text: str) -> str:
        if _PROBLEM not in text:
            raise ValueError("the prompt text never shows the problem: put {problem} where it belongs")
        return text

    @field_validator("chat_options")
    @classmethod
    def _are_variables_of_the_template(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        check_chat_options(options)
        return options

    def plain(self, problem: str) -> str:
        """The words alone, around a problem."""
        said = self.text.replace(_PROBLEM, problem)
        return f"{self.system}\n\n{said}" if self.system else said

    def messages(self, problem: str) -> list[dict[str, str]]:
        """The words as the messages of a chat."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        return [*messages, {"role": "user", "content": self.text.replace(_PROBLEM, problem)}]


class PromptEncoder:
    """Renders questions and turns them into token ids; `context` is the model's limit in tokens.

    Special tokens come from the chat template, or in plain style from what the tokenizer puts before a text;
    what it would put after one is left off, since the text goes on.
    """

    def __init__(self, tokenizer: Any, template: PromptTemplate, context: int) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self._context = context
        has_chat_template = bool(getattr(tokenizer, "chat_template", None))
        if template.style == "chat" and not has_chat_template:
            raise ConfigError("the tokenizer has no chat template", hint=_PLAIN)
        self._is_chat = has_chat_template and template.style != "plain"
        self._leading = () if self._is_chat else _leading_special_tokens(tokenizer)
        self._cached_prompt = lru_cache(_PROMPTS_KEPT)(self._encode_problem)

    def prompt(self, question: Question) -> Prompt:
        """The question as the policy sees it. Raises `InputError` if it leaves no room for a token."""
        return self._cached_prompt(question.problem)

    def request_ids(self, request: GenerationRequest) -> tuple[int, ...]:
        """The ids to continue: prompt and prefix tokens as they are, or both texts tokenised as one.

        No tokens for a prefix that has text count as unknown, whether they are `None` or empty.

        Raises `InputError` if they leave no room for a token.
        """
        prompt = self.prompt(request.question)
        if request.prefix_tokens:
            ids = (*prompt.token_ids, *request.prefix_tokens)
        elif request.prefix:
            ids = self._encode(prompt.text + request.prefix)
        else:
            ids = tuple(prompt.token_ids)
        return self._fitting(ids, "prompt and prefix")

    @property
    def is_chat(self) -> bool:
        """Whether questions are rendered by the tokenizer's chat template."""
        return self._is_chat

    def fingerprint(self) -> dict[str, Any]:
        """The style and a hash of all that the rendering depends on, a chat template included."""
        parts = {
            "text": self._template.text,
            "system": self._template.system,
            "chat_options": dict(self._template.chat_options),
            "chat_template": self._tokenizer.chat_template if self._is_chat else None,
        }
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return {"style": "chat" if self._is_chat else "plain", "sha256": digest}

    def _encode_problem(self, problem: str) -> Prompt:
        text = self._render(problem)
        return Prompt(text=text, token_ids=self._fitting(self._encode(text), "prompt"))

    def _render(self, problem: str) -> str:
        if not self._is_chat:
            return self._template.plain(problem)
        try:
            rendered: str = self._tokenizer.apply_chat_template(
                self._template.messages(problem),
                tokenize=False,
                add_generation_prompt=True,
                **self._template.chat_options,
            )
        except (
            Exception
        ) as error:  # the template is a program that came with the model: it may raise anything
            raise InputError(
                f"the chat template cannot render this question: {error}",
                hint=f"some models take no system message; else {_PLAIN}",
            ) from error
        return rendered

    def _encode(self, text: str) -> tuple[int, ...]:
        return (*self._leading, *self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _fitting(self, ids: tuple[int, ...], what: str) -> tuple[int, ...]:
        if not ids:
            raise InputError(f"the {what} has no tokens", hint="give the prompt template some text")
        if len(ids) >= self._context:
            raise InputError(
                f"the {what} has {len(ids)} tokens and the model takes {self._context} in all",
                hint="shorten the question or use a model with a longer context",
            )
        return ids


def _leading_special_tokens(tokenizer: Any) -> tuple[int, ...]:
    """What the tokenizer puts before a text on its own, such as a beginning-of-sequence token."""
    probe = "a"
    bare = tokenizer(probe, add_special_tokens=False)["input_ids"]
    full = tokenizer(probe, add_special_tokens=True)["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return tuple(full[:start])
    return ()
