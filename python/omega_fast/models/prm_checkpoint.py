"""Finding and loading the pieces of a process reward model: its card, its network, its tokenizer. Never a pickle."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.backends.hub_names import check_model_name, hub_file
from omega_fast.errors import BackendError
from omega_fast.models.ledger_policy.location import ASSETS, EMBEDDED_POLICY
from omega_fast.models.prm_card import CARD, Head

__all__ = [
    "context_of",
    "find_card",
    "load_causal",
    "load_classifier",
    "load_config",
    "load_tokenizer",
    "place_of",
    "refuse_pickles",
    "without_dropout",
    "without_notes",
]

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_CLASSES: dict[Head, tuple[str, ...]] = {"token-cls": ("wrong", "right"), "value": ("right",)}
_UNBOUNDED = 1 << 30


def place_of(name: str) -> str:
    """Where a model is: the folder of the shipped policy for `ledger-policy`, else the name itself."""
    return str(ASSETS) if name == EMBEDDED_POLICY else name


def refuse_pickles(name: str) -> None:
    """Raise `BackendError` for a pickled checkpoint, or a folder that has no weights but such: it can run code."""
    path = Path(name)
    if path.is_file():
        if path.suffix in _PICKLED:
            raise _pickled(path)
        raise BackendError(f"{path} is a file", hint="give the folder of a model, or a hub name")
    if path.is_dir() and not any(path.rglob("*.safetensors")):
        for each in sorted(path.iterdir()):
            if each.suffix in _PICKLED:
                raise _pickled(each)


def find_card(name: str, revision: str | None = None) -> Path | None:
    """The `prm.json` of a folder or hub name; `None` if it has none. Raises `BackendError` without such a model."""
    if Path(name).is_dir():
        return path if (path := Path(name) / CARD).is_file() else None
    try:
        return hub_file(name, CARD, revision)
    except (
        BackendError
    ):  # without the hub, a model that was fetched is known, and a card that it has not is not
        check_model_name(name, revision)
        return None


def load_tokenizer(name: str, revision: str | None = None) -> Any:
    """The tokenizer of a folder or hub name. Raises `BackendError` where that fails."""
    with _told(name):
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    tokenizer.padding_side = "right"
    return tokenizer


def load_config(name: str, revision: str | None = None) -> Any:
    """The configuration of a folder or hub name. Raises `BackendError` where that fails, or its weights are pickled."""
    refuse_pickles(name)
    check_model_name(name, revision)
    with _told(name):
        return AutoConfig.from_pretrained(name, revision=revision)


def load_classifier(
    name: str,
    head: Head,
    *,
    revision: str | None = None,
    dtype: str = "float32",
    attention: str | None = None,
) -> Any:
    """A language model with `head` on top of every token, as transformers' token classification has it.

    Weights of a plain language model are taken as far as they go; the head then is new, drawn from torch's
    generator. Dropout is off, and saved so.

    Args:
        name: Folder or hub name.
        head: Which head.
        revision: Branch, tag or commit of a hub name.
        dtype: Name of a torch type, or `auto`.
        attention: Implementation of attention; `None` for the library's choice.

    Raises:
        BackendError: If there is no such model, its weights are pickled, or its architecture has no such head.
    """
    config = load_config(name, revision)
    with _told(name), without_progress_bars(), without_notes():
        if type(config) not in AutoModelForTokenClassification._model_mapping:
            raise BackendError(
                f"transformers has no token classification for {config.model_type}, the architecture of {name}",
                hint="choose another base model, or --head probe",
            )
        config.id2label = dict(enumerate(_CLASSES[head]))
        config.label2id = {name: id_ for id_, name in config.id2label.items()}
        config.classifier_dropout = 0.0
        network: Any = AutoModelForTokenClassification.from_pretrained(
            name,
            config=config,
            revision=revision,
            use_safetensors=True,
            dtype=dtype if dtype == "auto" else getattr(torch, dtype),
            **({} if attention is None else {"attn_implementation": attention}),
        )
    if network.config.pad_token_id is None:
        network.config.pad_token_id = network.config.eos_token_id
    return without_dropout(network)


def load_causal(
    name: str, *, revision: str | None = None, dtype: str = "float32", attention: str | None = None
) -> Any:
    """A causal language model with its dropout off. Raises `BackendError` where that fails, or it is pickled."""
    config = load_config(name, revision)
    with _told(name), without_progress_bars(), without_notes():
        network: Any = AutoModelForCausalLM.from_pretrained(
            name,
            config=config,
            revision=revision,
            use_safetensors=True,
            dtype=dtype if dtype == "auto" else getattr(torch, dtype),
            **({} if attention is None else {"attn_implementation": attention}),
        )
    return without_dropout(network)


def without_dropout(network: Any) -> Any:
    """The network with all dropout off: labels are few, and equal runs must be equal."""
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def context_of(config: Any, tokenizer: Any) -> int:
    """Tokens that a model takes at once, as far as its configuration and its tokenizer say."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    limits = [getattr(text, "max_position_embeddings", None), tokenizer.model_max_length]
    return min((int(limit) for limit in limits if limit), default=_UNBOUNDED)


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        raise BackendError(
            f"cannot load model {name!r}: {error}",
            hint="give a folder or hub name with config.json, tokenizer files and *.safetensors",
        ) from error


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Without the library's notes that the head is new and nothing is sharded; both are meant."""
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _pickled(path: Path) -> BackendError:
    return BackendError(
        f"{path} is pickled, which can run code when it is loaded",
        hint="convert it to *.safetensors with save_pretrained where you trust it",
    )
