"""Process reward models that a card describes: ours by their `prm.json`, the published `ntp` by options.

The published one (the baseline of arXiv 2412.01981) renders the chat template, and steps end in a blank line.
"""

from __future__ import annotations

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.errors import BackendError
from omega_fast.models.prm import PRM, load_prm
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import find_card, place_of, refuse_pickles
from omega_fast.models.scorers.loading import device_of, load_tokenizer
from omega_fast.models.scorers.options import ScorerOptions

__all__ = ["load", "load_ntp"]

_BLANK_LINE = "\n\n"


def load(name: str, options: ScorerOptions) -> PRM:
    """A model that `omega train` wrote. Raises as `load_prm` does."""
    refuse_pickles(place_of(name))
    card = find_card(name, options.revision)
    if card is None:
        raise BackendError(f"{name} has no prm.json", hint="give --shape")
    return _with_card(name, PrmCard.read(card), options)


def load_ntp(name: str, options: ScorerOptions) -> PRM:
    """A language model that says a good or a bad token at a marker behind each step.

    Raises:
        BackendError: It cannot be loaded.
        ConfigError: A marker, the good or the bad token is not one token of it.
    """
    chats = bool(load_tokenizer(name, options).chat_template)
    template = PromptTemplate(
        style="chat" if chats else "plain", text="{problem}" if chats else "{problem}" + _BLANK_LINE
    )
    card = PrmCard(
        head="ntp",
        separator=_BLANK_LINE,
        template=template,
        prm_token=options.prm_token,
        begin_of_action_token=options.begin_of_action_token,
        good_token=options.good_token,
        bad_token=options.bad_token,
    )
    return _with_card(name, card, options)


def _with_card(name: str, card: PrmCard, options: ScorerOptions) -> PRM:
    if options.max_length is not None:
        shorter = min(options.max_length, card.max_length or options.max_length)
        card = card.model_copy(update={"max_length": shorter})
    prm = load_prm(
        name,
        revision=options.revision,
        card=card,
        dtype=options.dtype,
        device=device_of(options),
        reference=options.reference,
        tokenizer=options.tokenizer,
    )
    prm.batch_tokens = options.batch_tokens
    return prm
