"""Training a process reward model from labels to a checkpoint: `train_prm`."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed
from transformers.trainer_callback import PrinterCallback

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.errors import BackendError, ConfigError
from omega_fast.models.markers import add_markers
from omega_fast.models.prm import PRM, load_prm
from omega_fast.models.prm_card import CARD
from omega_fast.models.prm_checkpoint import (
    load_causal,
    load_classifier,
    load_config,
    load_tokenizer,
    place_of,
)
from omega_fast.models.probe import Probe, load_base
from omega_fast.train.adapters import merged, with_adapters
from omega_fast.train.checkpoints import check_same, last_checkpoint, write_record
from omega_fast.train.curve import CurveWriter
from omega_fast.train.data import Source
from omega_fast.train.folder import OnLog, Telling, is_main, opened, versions, wait_for_all
from omega_fast.train.prm_config import PROBE_RATE, PrmConfig, prm_config
from omega_fast.train.prm_data import PrmData, read_data
from omega_fast.train.probe_trainer import train_probe

__all__ = ["OnLog", "Training", "run_training", "train_prm"]

_LOGGER = logging.getLogger(__name__)
_CHECKPOINTS = "checkpoints"
_CURVE = "loss.svg"
_FIRST_UPDATES = 100
"""Of a probe's layers alone, before its language model is trained with them."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is done.

    Attributes:
        prm: The model, loaded from where it was written.
        folder: Where that is.
        record: Settings, data report, versions and the log, as in `training.json`.
    """

    prm: PRM
    folder: Path
    record: Mapping[str, Any]


def train_prm(
    data: Source,
    output: Path | str | None = None,
    *,
    evaluate: Callable[[PRM], Mapping[str, float]] | None = None,
    on_log: OnLog | None = None,
    **settings: Any,
) -> PRM:
    r"""Train a process reward model and return it, ready to be called. The same call resumes.

    Args:
        data: A run directory, a file of any format in docs/formats.md, or objects: labelled solutions, examples, or
            rows `{"prompt", "completions", "labels", "soft_labels"}`.
        output: The folder to write; a new temporary one by default.
        evaluate: Called with the model at every evaluation; its numbers are logged as `eval_NAME`.
        on_log: Told each entry of the log as it is made.
        settings: Any setting of `omega train prm`, e.g. `head="value"`.

    Raises:
        ConfigError: If a setting is unknown or cannot work.
        InputError: If the data cannot be read, or nothing can be learnt from them.
        RunConflictError: If `output` holds a training with other settings or data, or something else.
        BackendError: If the model cannot be loaded or a library is missing.

    >>> prm = train_prm("run", "out/prm", head="token-cls", loss="bce")         # doctest: +SKIP
    >>> prm("x is 7 . a x add 1 . ?", ["a x 7 + 1 = 8\n"])                      # doctest: +SKIP
    [0.98]
    """
    return run_training(data, prm_config(**settings), output, evaluate=evaluate, on_log=on_log).prm


def run_training(
    data: Source,
    config: PrmConfig,
    output: Path | str | None = None,
    *,
    evaluate: Callable[[PRM], Mapping[str, float]] | None = None,
    on_log: OnLog | None = None,
) -> Training:
    """`train_prm` with its settings in one object and its record in the result. Raises like it."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    folder = Path(tempfile.mkdtemp(prefix="omega-prm-")) if output is None else Path(output)
    before = opened(folder)
    place = place_of(config.model)
    tokenizer = load_tokenizer(place, config.revision)
    if config.head == "ntp" and add_markers(tokenizer, config) and config.lora_rank:
        raise ConfigError(
            "adapters cannot learn the embedding of a new token",
            hint="give prm_token and begin_of_action_token that the model has, or lora_rank 0",
        )
    quarantine = folder / "rows" if is_main() else None
    found = read_data(data, config, tokenizer, load_config(place, config.revision), quarantine)
    if found.report.unusable:
        _LOGGER.warning("%d rows could not be used: %s", found.report.unusable, "; ".join(found.report.named))
    identity = {**config.identity(), "data": found.fingerprint}
    check_same(folder, before, identity) if before else None
    record: dict[str, Any] = {
        "identity": identity,
        "data": found.report.to_dict(),
        "versions": versions(),
        "finished": False,
        "log": [],
    }
    if before and before.get("finished") and (folder / CARD).is_file():
        return Training(_loaded(folder, config), folder, before)
    if is_main():
        write_record(folder, record)
    curve = CurveWriter(folder / _CURVE, f"{config.head} on {config.loss}, labels {config.labels}")
    with without_progress_bars():
        if config.is_frozen:
            log = _train_probe(found, config, folder, curve, on_log=on_log)
        else:
            log = _train_network(
                found, config, folder, curve, record=record, evaluate=evaluate, on_log=on_log
            )
    record |= {"finished": True, "log": log}
    if is_main():
        write_record(folder, record)
        if not config.keep_checkpoints:
            shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
    wait_for_all()
    return Training(_loaded(folder, config), folder, record)


def _train_network(
    data: PrmData,
    config: PrmConfig,
    folder: Path,
    curve: CurveWriter,
    *,
    record: dict[str, Any],
    evaluate: Callable[[PRM], Mapping[str, float]] | None,
    on_log: OnLog | None,
) -> list[dict[str, Any]]:
    """Trains and saves; gives the log, and adds to the record whether solutions were packed."""
    try:
        from omega_fast.train.arguments import arguments_of, updates_of  # noqa: PLC0415 - they need accelerate
        from omega_fast.train.packed import drawn_for  # noqa: PLC0415
        from omega_fast.train.prm_trainer import PrmTrainer  # noqa: PLC0415

        checkpoints = folder / _CHECKPOINTS
        arguments = arguments_of(config, checkpoints, evaluates=bool(data.held) or evaluate is not None)
    except ImportError as error:
        raise BackendError(
            f"training needs a library that is not there: {error}", hint="install omega_fast[train]"
        ) from error
    tokenizer = data.encoder.tokenizer
    set_seed(config.seed)
    resumed = last_checkpoint(checkpoints)
    if config.head == "probe":
        network: Any = _tuned_probe(data, config, begins=resumed is None)
    else:
        network = _network(config, len(tokenizer))
    drawn = drawn_for(data.train, network, config, arguments.device)
    record["packing"] = drawn.to_dict()
    if config.pack != "off" and is_main():
        write_record(folder, record)
        if on_log is not None:
            on_log({"step": 0, "packing": drawn.said})
    arguments.per_device_train_batch_size = drawn.batch_size
    updates = updates_of(config, len(drawn.data), drawn.batch_size, arguments.world_size)
    arguments.warmup_steps = round(config.warmup * updates)
    callbacks = [curve, *([Telling(on_log)] if on_log is not None else [])]
    trainer = PrmTrainer(
        with_adapters(network, config, classifies=config.head != "ntp") if config.lora_rank else network,
        arguments,
        config,
        card=data.card,
        tokenizer=tokenizer,
        train=drawn.data,
        held=data.held,
        evaluate=evaluate,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    curve.on_log(arguments, trainer.state, None)
    if config.lora_rank:
        adapters = folder / _CHECKPOINTS / "adapters"
        trainer.save_model(str(adapters))
        if is_main():
            PRM(merged(_network(config, len(tokenizer)), adapters), tokenizer, data.card).save(folder)
    else:
        trainer.save_model(str(folder))
        if is_main():
            # The arguments are a pickle, and training.json says more
            (folder / "training_args.bin").unlink(missing_ok=True)
            tokenizer.save_pretrained(folder)
            data.card.write(folder)
    return [dict(entry) for entry in trainer.state.log_history]


def _train_probe(
    data: PrmData,
    config: PrmConfig,
    folder: Path,
    curve: CurveWriter,
    *,
    on_log: OnLog | None,
) -> list[dict[str, Any]]:
    probe = _new_probe(data, config)

    def logged(history: list[dict[str, Any]]) -> None:
        curve.write(history)
        if on_log is not None:
            on_log(history[-1])

    updates = config.max_steps or max(1, round(config.passes))
    log = _train_layers(probe, data, config, updates=updates, rate=config.rate, on_log=logged)
    PRM(probe, data.encoder.tokenizer, data.card).save(folder)
    return log


def _tuned_probe(data: PrmData, config: PrmConfig, *, begins: bool) -> Probe:
    """A probe to be trained with its language model.

    Its layers are trained alone first: as drawn, they would spoil the model before they can read it (arXiv
    2202.10054). Where a checkpoint is loaded into it, that is not needed.
    """
    probe = _new_probe(data, config)
    if begins:
        _train_layers(probe, data, config, updates=_FIRST_UPDATES, rate=PROBE_RATE, on_log=lambda _: None)
    return probe


def _new_probe(data: PrmData, config: PrmConfig) -> Probe:
    card = data.card
    base = load_base(config.model, dtype="float32", attention=config.attention, likelihood=card.likelihood)
    set_seed(config.seed)
    probe = Probe(base, card.layer, config.probe_width, likelihood=card.likelihood, tuned=card.tuned)
    return probe.to("cuda") if config.device == "auto" and torch.cuda.is_available() else probe


def _train_layers(
    probe: Probe,
    data: PrmData,
    config: PrmConfig,
    *,
    updates: int,
    rate: float,
    on_log: Callable[[list[dict[str, Any]]], None],
) -> list[dict[str, Any]]:
    train, held = ([each.sequences[0] for each in items] for items in (data.train, data.held))
    return train_probe(probe, train, held, config=config, updates=updates, rate=rate, on_log=on_log)


def _network(config: PrmConfig, tokens: int) -> Any:
    assert config.head != "probe", "a probe is made otherwise"
    if config.head == "ntp":
        network = load_causal(place_of(config.model), revision=config.revision, attention=config.attention)
        if tokens > network.get_input_embeddings().weight.shape[0]:
            network.resize_token_embeddings(tokens, mean_resizing=False)
        return network
    return load_classifier(
        place_of(config.model), config.head, revision=config.revision, attention=config.attention
    )


def _loaded(folder: Path, config: PrmConfig) -> PRM:
    return load_prm(folder, attention=config.attention, device="cpu" if config.device == "cpu" else None)
