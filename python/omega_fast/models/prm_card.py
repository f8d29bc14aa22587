"""What `prm.json` says of a process reward model: all that is needed to score with it, beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.errors import BackendError
from omega_fast.models.aggregate import Aggregation
from omega_fast.models.critiques import VerdictForm

__all__ = ["CARD", "RESERVED_TOKEN", "Head", "PrmCard"]

CARD = "prm.json"
"""The file's name, beside `config.json`."""

RESERVED_TOKEN = "<|reserved_special_token_0|>"  # noqa: S105 - a token of text
"""Llama 3's, which the published `ntp` takes for both markers (arXiv 2412.01981)."""

Head = Literal["token-cls", "value", "probe", "ntp", "implicit", "generative"]
"""Two classes at the end of each step (1 is right); one logit there; two layers on a model's hidden states; a
good and a bad token as the next one at a marker behind each step; the log-ratio to a reference model up to its end; the
verdict that a chat model writes on each step."""


class PrmCard(BaseModel):
    """How the text of a solution is laid out for a model, and what its outputs mean.

    Attributes:
        version: Of this file's layout.
        head: What stands on top of the language model.
        separator: The text that ends every step; the step's last token is the last one of this text.
        template: The words around the problem.
        aggregation: How step scores become one, unless the caller says otherwise.
        max_length: Tokens that a problem with its solution may have; `None` for all that the model takes.
        loss: What it was trained with.
        labels: What it was trained on.
        base_model: Where the language model below a probe is; for other heads, what training began with.
        base_revision: Branch, tag or commit of `base_model`; `None` for the newest, and for a folder.
        layer: For a probe, the hidden states it reads: 0 the embeddings, -1 the last layer's.
        likelihood: For a probe, whether it reads the language model's probabilities of each step's tokens as well.
        tuned: For a probe, whether the language model was trained with it, and lies beside it in the folder.
        begin_of_action_token: For `ntp`, the token before each step; none if empty or the same as `prm_token`.
        prm_token: For `ntp`, the token behind each step, at which the next one is good or bad.
        good_token: For `ntp`, the token of a right step.
        bad_token: For `ntp`, the token of a wrong one.
        reference: For `implicit`, folder or hub name of the model whose log-probabilities are taken off.
        reference_revision: Branch, tag or commit of `reference`, as for `base_model`.
        beta: For `implicit`, what the log-ratio is multiplied with.
        verdict: For `generative`, how a reply gives its verdict.
        reply_tokens: For `generative`, tokens that a reply may have; longer ones are cut off, and have no verdict.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    head: Head = "token-cls"
    separator: str = "\n\n"
    template: PromptTemplate = Field(default_factory=PromptTemplate)
    aggregation: Aggregation = "prod"
    max_length: int | None = Field(default=None, ge=2)
    loss: str = ""
    labels: str = ""
    base_model: str = ""
    base_revision: str | None = None
    layer: int = -1
    likelihood: bool = False
    tuned: bool = False
    begin_of_action_token: str = ""
    prm_token: str = ""
    good_token: str = ""
    bad_token: str = ""
    reference: str = ""
    reference_revision: str | None = None
    beta: float | None = Field(default=None, gt=0)
    verdict: VerdictForm = "boxed"
    reply_tokens: int | None = Field(default=None, ge=1)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The card in a file. Raises `BackendError` if it is none, or of a later version."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            reason = error.errors()[0]["msg"].lower() if isinstance(error, ValidationError) else str(error)
            raise BackendError(
                f"{path} does not describe a process reward model: {reason}",
                hint="it is written by `omega train prm`; a later version may have written this one",
            ) from error

    def write(self, folder: Path) -> None:
        """Write `prm.json` into a folder."""
        (folder / CARD).write_text(self.model_dump_json(indent=2) + "\n")
