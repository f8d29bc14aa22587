"""Token classifiers that run elsewhere, in vLLM or behind its server, as scorers with many solutions in flight.

Solutions are laid out as tokens here, so a score stands at the very token at which the model in torch has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from omega_fast.backends.pooling_server import PoolingServer
from omega_fast.backends.token_classes import TokenClasses
from omega_fast.backends.vllm_arguments import check_engine_args, engine_arguments, prepare_environment
from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.models.prm import encoder_of
from omega_fast.models.prm_card import CARD, PrmCard
from omega_fast.models.prm_checkpoint import (
    context_of,
    find_card,
    load_config,
    load_tokenizer,
    refuse_pickles,
)
from omega_fast.models.scorers.forward import Marked
from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.models.scorers.queued import Queued, failed
from omega_fast.models.scorers.qwen_prm import QwenMarker
from omega_fast.models.scorers.signs import Marker
from omega_fast.models.step_encoder import StepEncoder

__all__ = ["Classifier", "TokenScorer", "load_in_vllm", "load_served"]

_CLASSES = {"token-cls": 2, "value": 1}
_QWEN = "Qwen2ForProcessRewardModel"
_SLOTS = 256
_CPU_CACHE_BYTES = 4 << 30


class Classifier(Protocol):
    """Where a token classifier runs."""

    def start(self, ids: Sequence[int], positions: Sequence[int]) -> Future[list[float]]:
        """The probability that the step which ends at each position is right, in order; does not wait."""
        ...

    def counts(self) -> Mapping[str, int]:
        """What asking cost beside the answers."""
        ...

    def close(self) -> None:
        """Give it up. May be called twice."""
        ...


class TokenScorer(Queued):
    """A `QueuedScorer`: one request a solution, with a score at the last token of each step.

    Args:
        lay_out: The tokens of a problem with steps, and where the steps end; raises `InputError`.
        classifier: Says how right they are.
        limit: Tokens a problem with its solution may have.
        card: What the checkpoint says of itself, if it is one of ours.
    """

    def __init__(
        self, lay_out: Marker, classifier: Classifier, limit: int, card: PrmCard | None = None
    ) -> None:
        self.card = card
        self._lay_out = lay_out
        self._classifier = classifier
        self._limit = limit

    def submit(self, problem: str, steps: Sequence[str]) -> Future[list[float]]:
        """See `QueuedScorer.submit`."""
        try:
            row = self._lay_out(problem, steps).within(self._limit)
        except InputError as error:
            return failed(error)
        return self._classifier.start(row.ids, row.positions)

    def counts(self) -> Mapping[str, int]:
        """What the classifier counts."""
        return self._classifier.counts()

    def close(self) -> None:
        """End the classifier."""
        self._classifier.close()


def load_served(name: str, options: ScorerOptions) -> TokenScorer:
    """A checkpoint that a server runs; its tokenizer and layout are read here, from `name`.

    Raises:
        BackendError: The server cannot be used, or there is no such checkpoint.
        ConfigError: Its head is no token classifier.
    """
    assert options.server is not None, "the caller looked"
    layout = _layout_of(name, options)
    server = PoolingServer(options.server, layout.classes)
    limit = min(layout.limit, server.context or layout.limit)
    return TokenScorer(layout.lay_out, server, limit, layout.card)


def load_in_vllm(name: str, options: ScorerOptions) -> TokenScorer:
    """A checkpoint in a vLLM engine of its own; starting it takes the better part of a minute.

    Raises:
        BackendError: vLLM is not installed or cannot start, or there is no such checkpoint.
        ConfigError: The head is no token classifier, or an engine argument is a setting of its own.
    """
    check_engine_args(options.engine_args)
    layout = _layout_of(name, options)
    prepare_environment(None)
    # Only now, since vLLM reads the environment when it is imported.
    try:
        from omega_fast.backends.vllm_engine import visible_devices  # noqa: PLC0415
        from omega_fast.backends.vllm_pooling import PoolingEngine  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BackendError(
            f"vLLM cannot be imported: {error}", hint="install omega_fast[vllm], or leave --engine out"
        ) from error
    on_gpu = visible_devices() > 0
    arguments = engine_arguments(
        name,
        {
            "enable_prefix_caching": False,
            **({} if on_gpu else {"enforce_eager": True, "kv_cache_memory_bytes": _CPU_CACHE_BYTES}),
            **options.engine_args,
        },
        source={"revision": options.revision},
        dtype=options.dtype if options.dtype != "auto" else _saved_as(layout.config),
        context=layout.limit,
        slots=_SLOTS,
        tensor_parallel_size=1,
        devices=int(on_gpu),  # one engine; torchrun starts one on each GPU
        adapter=None,
    )
    engine = PoolingEngine(arguments, layout.classes)
    return TokenScorer(layout.lay_out, engine, layout.limit, layout.card)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a checkpoint lays out solutions, what it tells of their tokens, and how long a sequence may be."""

    lay_out: Marker
    config: Any
    classes: TokenClasses
    limit: int
    card: PrmCard | None = None


class _Carded:
    """The layout of a checkpoint of ours; a `Marker`."""

    def __init__(self, encoder: StepEncoder) -> None:
        self._encoder = encoder

    def __call__(self, problem: str, steps: Sequence[str]) -> Marked:
        encoded = self._encoder.encode(problem, steps)
        return Marked(encoded.ids, encoded.ends)


def _layout_of(name: str, options: ScorerOptions) -> _Layout:
    """How a checkpoint of ours, or one like Qwen2.5-Math-PRM, lays out solutions."""
    refuse_pickles(name)
    config, tokenizer = load_config(name, options.revision), load_tokenizer(name, options.revision)
    limits = [context_of(config, tokenizer), *([options.max_length] if options.max_length else [])]
    found = find_card(name, options.revision)
    if found is not None:
        card = PrmCard.read(found)
        if card.head not in _CLASSES:
            raise ConfigError(
                f"the head of {name} is {card.head}, which is no token classifier",
                hint="leave out --engine and --base-url: it is scored in torch",
            )
        encoder = encoder_of(config, tokenizer, card)
        limits.append(encoder.max_length)
        carded = _Carded(encoder)
        return _Layout(carded, config, _told(carded, _CLASSES[card.head]), min(limits), card)
    if _QWEN in (config.architectures or ()):
        marker = QwenMarker(tokenizer)
        return _Layout(marker, config, _told(marker, 2, marker.token), min(limits))
    raise BackendError(
        f"{name} has no {CARD}, and is not of the shape qwen-prm: nothing says how solutions are laid out for it",
        hint="vLLM and servers score token classifiers; leave out --engine and --base-url for others",
    )


def _told(lay_out: Marker, count: int, marker: int | None = None) -> TokenClasses:
    sample = lay_out("1 + 1 = ?", ["1 + 1 = 2", "It is 2."])
    return TokenClasses(count, sample.ids, sample.positions, marker)


def _saved_as(config: Any) -> str:
    return str(config.dtype or "float32").removeprefix("torch.")
