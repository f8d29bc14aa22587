"""Generative process reward models by name: run here, or behind a server that has them under a name."""

from __future__ import annotations

from pathlib import Path

from omega_fast.errors import ConfigError
from omega_fast.models.critiques import VerdictForm
from omega_fast.models.prm_card import CARD, PrmCard
from omega_fast.models.scorers.generative_prm import GenerativePRM, VerdictWriter
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.models.scorers.replies import ReplyWriter
from omega_fast.records import Sampling

__all__ = ["load", "load_verdicts"]


def load(name: str, options: ScorerOptions) -> GenerativePRM:
    """The model as a scorer by odds.

    Raises:
        ConfigError: It cannot be run so, or its card is of another head.
        BackendError: It cannot be loaded, or the server cannot be used.
    """
    card = _card(name)
    return GenerativePRM(_writer(name, card, options), card)


def load_verdicts(name: str, options: ScorerOptions) -> VerdictWriter:
    """The model as a writer of verdicts. Raises like `load`."""
    card = _card(name)
    return VerdictWriter(_writer(name, card, options), card, options.judging.samples)


def _card(name: str) -> PrmCard:
    """The card in the model's folder; without one it answers in the wording of GroundedPRM's conversations."""
    path = Path(name) / CARD
    card = PrmCard.read(path) if path.is_file() else PrmCard(head="generative", aggregation="min")
    if card.head != "generative":
        raise ConfigError(f"the head of {name} is {card.head}: it writes nothing", hint="leave out --shape")
    return card


def _writer(name: str, card: PrmCard, options: ScorerOptions) -> ReplyWriter:
    how = options.judging
    longest = min(how.max_new_tokens, card.reply_tokens or how.max_new_tokens)
    if options.engine == "vllm":
        raise ConfigError(
            "a generative model is asked over a server",
            hint=f"start it with `omega serve --reward {name}` and name that with --base-url",
        )
    if options.server is not None:
        from omega_fast.models.scorers.served_replies import ServedWriter  # noqa: PLC0415 - it needs httpx

        named = options.served(Path(name).resolve().name if Path(name).is_dir() else name)
        sampling = {"temperature": how.temperature, "top_p": how.top_p}
        return ServedWriter(named, card.verdict, sampling, longest)
    return _here(name, card, options, longest, card.verdict)


def _here(name: str, card: PrmCard, options: ScorerOptions, longest: int, form: VerdictForm) -> ReplyWriter:
    from omega_fast.models.conversation_encoder import ConversationEncoder  # noqa: PLC0415 - torch is slow to load
    from omega_fast.models.scorers.loading import load_language_model, load_tokenizer  # noqa: PLC0415
    from omega_fast.models.scorers.loading import longest as context_of  # noqa: PLC0415
    from omega_fast.models.scorers.torch_replies import TorchWriter  # noqa: PLC0415

    network = load_language_model(name, options)
    limits = [context_of(name, network, options), *([card.max_length] if card.max_length else [])]
    encoder = ConversationEncoder(load_tokenizer(name, options), min(limits))
    how = options.judging
    sampling = Sampling(how.temperature, 0, how.top_p, longest)
    return TorchWriter(network, encoder, form, sampling, options.batch_tokens)
