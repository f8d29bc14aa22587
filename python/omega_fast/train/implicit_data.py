"""The data of an implicit process reward model's training: read, checked, split and laid out for the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from omega_fast.errors import ConfigError, InputError
from omega_fast.exchange.refused import refusing
from omega_fast.models.prm import encoder_of
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.step_encoder import StepEncoder, UnfitError
from omega_fast.store.files import naming
from omega_fast.store.formats import Place, RowFault
from omega_fast.store.formats.outcomes import CE, Outcome
from omega_fast.store.formats.preferences import DPO, Preference
from omega_fast.train.data.faults import Faults
from omega_fast.train.data.outcomes import OutcomeSource, outcomes_of, preferences_of, read_outcomes
from omega_fast.train.data.splits import held_out
from omega_fast.train.implicit_config import ImplicitConfig
from omega_fast.train.training_data import TrainingData, template_of

__all__ = ["Answer", "ImplicitData", "OutcomeItem", "read_implicit_data", "steps_of"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Prompt and solution as tokens; the solution's first token stands at `start`."""

    ids: tuple[int, ...]
    start: int

    @property
    def key(self) -> str:
        """A hash of all this."""
        return blake2b(repr((self.ids, self.start)).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class OutcomeItem:
    """What a batch is drawn from: a solution with its label, or a right and a wrong one, in this order."""

    answers: tuple[Answer, ...]
    label: bool


ImplicitData = TrainingData[OutcomeItem]
"""Whole solutions, or pairs of them, as items."""


def steps_of(text: str, separator: str) -> list[str]:
    r"""The steps of a solution's text, each with its separator; blank ones are left out.

    >>> steps_of("a, b\n\nc", "\n")
    ['a, b\n', 'c\n']
    """
    return [piece + separator for piece in text.split(separator) if piece.strip()]


def read_implicit_data(
    source: OutcomeSource,
    config: ImplicitConfig,
    tokenizer: Any,
    model_config: Any,
    *,
    quarantine: Path | None = None,
    dataset: Path | None = None,
) -> ImplicitData:
    """Read a source and lay it out for a model.

    Args:
        source: See `OutcomeSource`.
        config: The settings.
        tokenizer: The model's.
        model_config: The model's transformers configuration.
        quarantine: `NAME` of `NAME.quarantine.jsonl`, where rows that cannot be used are written; `None` for nowhere.
        dataset: The file to write all usable rows to, as OpenRLHF reads them; `None` for nowhere.

    Raises:
        ConfigError: If settings do not fit the data or the model.
        InputError: If nothing can be learnt from, or at the first unusable row if these are refused.
        StoreError: If a file cannot be read or written.
    """
    pairs = config.objective == "dpo"
    with contextlib.ExitStack() as files:
        faults = Faults(
            config.invalid, None if quarantine is None else files.enter_context(refusing(quarantine))
        )
        found = read_outcomes(source, faults, pairs=pairs)
        rows: list[tuple[Place, Any]] = list((preferences_of if pairs else outcomes_of)(found))
        card = _card([row for _, row in rows], config, tokenizer)
        encoder = encoder_of(model_config, tokenizer, card)
        first: dict[Any, Place] = {}
        for place, row in rows:
            first.setdefault(row, place)
        kept = list(first.items()) if config.deduplicate else [(row, place) for place, row in rows]
        usable = [
            (row, item) for row, place in kept if (item := _item(row, place, encoder, faults)) is not None
        ]
    if not usable:
        counts = ", ".join(f"{count} {kind}" for kind, count in faults.counts.items()) or "there were none"
        raise InputError(
            f"no {'pair' if pairs else 'solution'} can be learnt from ({counts})",
            hint="see `omega train implicit-prm --help` for the rows it reads",
        )
    if dataset is not None:
        form: Any = DPO if pairs else CE
        with naming(dataset):
            dataset.parent.mkdir(parents=True, exist_ok=True)
        form.write_rows(dataset, [row for row, _ in usable])
    parts: tuple[list[Any], list[Any]] = ([], [])
    for each in usable:
        parts[held_out(each[0].prompt, config.validation)].append(each)
    if not parts[0]:
        raise ConfigError("every question is held out", hint="give more questions, or a smaller --validation")
    report = {
        "train": _counted(parts[0]),
        "held_out": _counted(parts[1]),
        "duplicates": len(rows) - len(kept),
        "faults": dict(faults.counts),
        "named": list(faults.named),
    }
    digest = blake2b(digest_size=16)
    for row, _ in usable:
        digest.update(repr(asdict(row)).encode("utf-8", "surrogatepass"))
    train, held = ([item for _, item in part] for part in parts)
    return TrainingData(card, encoder, train, held, report, digest.hexdigest())


def _card(rows: Sequence[Outcome | Preference], config: ImplicitConfig, tokenizer: Any) -> PrmCard:
    separator = config.separator
    if separator is None:
        texts = [each.response if isinstance(each, Outcome) else each.chosen for each in rows]
        separator = "\n\n" if 2 * sum("\n\n" in text.strip() for text in texts) > len(texts) else "\n"
    return PrmCard(
        head="implicit",
        separator=separator,
        template=template_of(config, tokenizer, separator),
        aggregation=config.aggregation or "last",
        max_length=config.max_length,
        loss=config.objective,
        labels="outcome",
        base_model=config.model,
        base_revision=config.revision,
        reference=config.reference_name,
        reference_revision=config.reference_revision,
        beta=config.beta,
    )


def _texts(row: Outcome | Preference) -> Iterator[str]:
    yield from (row.response,) if isinstance(row, Outcome) else (row.chosen, row.rejected)


def _item(
    row: Outcome | Preference, place: Place, encoder: StepEncoder, faults: Faults
) -> OutcomeItem | None:
    answers = []
    for text in _texts(row):
        try:
            encoded = encoder.encode(row.prompt, steps_of(text, encoder.separator))
            if not encoded.start:
                raise UnfitError("no_steps", "nothing stands before its first token", hint="give it a prompt")
        except InputError as error:
            kind = error.kind if isinstance(error, UnfitError) else "unfit"
            faults.add(kind, RowFault(place, error.message, asdict(row)))
            return None
        answers.append(Answer(encoded.ids, encoded.start))
    return OutcomeItem(tuple(answers), label=row.label if isinstance(row, Outcome) else True)


def _counted(part: Sequence[tuple[Outcome | Preference, OutcomeItem]]) -> dict[str, int]:
    labels = [
        label for row, _ in part for label in ([row.label] if isinstance(row, Outcome) else [True, False])
    ]
    return {
        "questions": len({row.prompt for row, _ in part}),
        "rows": len(part),
        "right": sum(labels),
        "wrong": len(labels) - sum(labels),
    }
