"""The tokens of the head `ntp`: markers around steps, and the two of which one comes next (arXiv 2412.01981).

The baseline that ImplicitPRM is compared with, and Math-Shepherd's layout: a marker in the solution itself, seen by
what comes later, at which the model says a good or a bad token.
"""

from __future__ import annotations

from typing import Any

from omega_fast.errors import ConfigError
from omega_fast.models.prm_card import PrmCard

__all__ = ["add_markers", "classes_of", "markers_of"]


def add_markers(tokenizer: Any, card_or_config: Any) -> int:
    """Make the two markers tokens of a tokenizer if they are not; how many were new."""
    markers = (card_or_config.begin_of_action_token, card_or_config.prm_token)
    known = tokenizer.get_vocab()
    new = [each for each in dict.fromkeys(markers) if each and each not in known]
    return int(tokenizer.add_tokens(new, special_tokens=True)) if new else 0


def markers_of(tokenizer: Any, card: PrmCard) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What stands before each step and behind it. If both markers are one, it stands behind steps alone.

    Raises:
        ConfigError: If one of them is no token.
    """
    behind = (_id(tokenizer, card.prm_token, "prm_token"),)
    if card.begin_of_action_token in ("", card.prm_token):
        return (), behind
    return (_id(tokenizer, card.begin_of_action_token, "begin_of_action_token"),), behind


def classes_of(tokenizer: Any, card: PrmCard) -> tuple[int, ...]:
    """The bad and the good token of an `ntp` card, in the order of wrong and right; nothing for other heads.

    Raises:
        ConfigError: If one of them is not a single token, or both are the same.
    """
    if card.head != "ntp":
        return ()
    bad, good = (_id(tokenizer, getattr(card, name), name) for name in ("bad_token", "good_token"))
    if bad == good:
        raise ConfigError("good_token and bad_token are the same token", hint="give two different ones")
    return bad, good


def _id(tokenizer: Any, text: str, name: str) -> int:
    known = tokenizer.get_vocab()
    if text in known:
        return int(known[text])
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        raise ConfigError(f"{name} {text!r} is not one token of the model", hint="give one that is")
    return int(ids[0])
