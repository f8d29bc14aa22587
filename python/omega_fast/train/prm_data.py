"""The data of a process reward model's training: read, checked, split and laid out for the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange.refused import refusing
from omega_fast.models.aggregate import default_aggregation
from omega_fast.models.likelihood import writes_text
from omega_fast.models.prm import encoder_of
from omega_fast.models.prm_card import PrmCard
from omega_fast.train.batches import Item, fitting, items_of
from omega_fast.train.data import (
    DataReport,
    Duplicates,
    Example,
    Faults,
    Source,
    read_examples,
    report_of,
    separator_of,
    split_by_question,
    without_duplicates,
)
from omega_fast.train.prm_config import PrmConfig
from omega_fast.train.training_data import TrainingData, template_of

__all__ = ["PrmData", "read_data"]

_MARKERS = {"begin_of_action_token", "prm_token", "good_token", "bad_token"}


PrmData = TrainingData[Item]
"""Labelled solutions as items, with `DataReport` as their report."""


def read_data(
    source: Source, config: PrmConfig, tokenizer: Any, model_config: Any, quarantine: Path | None
) -> PrmData:
    """Read a source and lay it out for a model.

    Args:
        source: A run directory, a file of any format, or objects.
        config: The settings.
        tokenizer: The model's.
        model_config: The model's transformers configuration.
        quarantine: `NAME` of `NAME.quarantine.jsonl`, where rows that cannot be used are written; `None` for nowhere.

    Raises:
        ConfigError: If settings do not fit the data or the model.
        InputError: If nothing can be learnt from, or at the first unusable row if these are refused.
        StoreError: If a file cannot be read or written.
    """
    with contextlib.ExitStack() as files:
        keep = None if quarantine is None else files.enter_context(refusing(quarantine))
        faults = Faults(config.invalid, keep)
        found = list(read_examples(source, faults, config.format))
        card = _card(found, config, tokenizer, _reads_likelihood(config, model_config))
        encoder = encoder_of(model_config, tokenizer, card)
        kept, twice = without_duplicates(found) if config.deduplicate else (found, Duplicates(0, 0))
        usable = fitting(kept, encoder, config, faults)
        train, held = split_by_question(usable, config.validation)
    report = report_of(
        train, held, duplicates=twice, faults=faults, labels=config.labels, threshold=config.threshold
    )
    items = items_of(train, encoder, config)
    if not items:
        raise _nothing(report, config)
    fingerprint = _fingerprint([*train, *held])
    return TrainingData(card, encoder, items, items_of(held, encoder, config), report.to_dict(), fingerprint)


def _card(found: list[Example], config: PrmConfig, tokenizer: Any, likelihood: bool) -> PrmCard:
    separator = separator_of(found) if config.separator is None else config.separator
    return PrmCard(
        head=config.head,
        separator=separator,
        template=template_of(config, tokenizer, separator),
        aggregation=config.aggregation or default_aggregation(config.labels),
        max_length=config.max_length,
        loss=config.loss,
        labels=config.labels,
        base_model=config.model,
        base_revision=config.revision,
        layer=config.probe_layer,
        likelihood=likelihood,
        tuned=config.probe_tune,
        **(config.model_dump(include=_MARKERS) if config.head == "ntp" else {}),
    )


def _reads_likelihood(config: PrmConfig, model_config: Any) -> bool:
    if config.head != "probe":
        return False
    can = writes_text(model_config)
    if config.probe_likelihood and not can:
        raise ConfigError(
            f"probe_likelihood needs probabilities of tokens, which {config.model} does not give",
            hint="take a causal language model, or leave probe_likelihood unset",
        )
    return can if config.probe_likelihood is None else config.probe_likelihood


def _nothing(report: DataReport, config: PrmConfig) -> InputError:
    if report.train.solutions:
        return InputError(
            f"none of {report.train.solutions} solutions has a sibling: loss pairwise compares different next steps "
            "of one prefix",
            hint="give several solutions of each question, or use another loss",
        )
    counts = ", ".join(f"{count} {kind}" for kind, count in report.faults.items()) or "there were none"
    first = f"; the first: {report.named[0]}" if report.named else ""
    return InputError(
        f"no solution can be learnt from ({counts}){first}",
        hint=f"labels is {config.labels}, loss is {config.loss}: see that the data have such labels",
    )


def _fingerprint(examples: Iterable[Example]) -> str:
    digest = blake2b(digest_size=16)
    for each in examples:
        for part in _parts(each):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def _parts(example: Example) -> Iterator[str]:
    solution = example.solution
    yield solution.question
    yield from solution.steps
    yield repr((solution.hard, solution.soft, example.start, example.weight))
