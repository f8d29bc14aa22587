"""Training a process reward model from labels to a checkpoint: `train_prm`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.errors import ConfigError
from omega_fast.models.markers import add_markers
from omega_fast.models.prm import PRM
from omega_fast.models.prm_checkpoint import (
    load_causal,
    load_classifier,
    load_config,
    load_tokenizer,
    place_of,
)
from omega_fast.models.probe import Probe, load_base
from omega_fast.train.adapters import with_adapters
from omega_fast.train.checkpoints import last_checkpoint
from omega_fast.train.curve import CurveWriter
from omega_fast.train.data import Source
from omega_fast.train.folder import OnLog, Training, TrainingFolder, is_main
from omega_fast.train.libraries import training_libraries
from omega_fast.train.prm_config import PROBE_RATE, PrmConfig, prm_config
from omega_fast.train.prm_data import PrmData, read_data
from omega_fast.train.probe_trainer import train_probe

__all__ = ["run_training", "train_prm"]

_FIRST_UPDATES = 100
"""Of a probe's layers alone, before its language model is trained with them."""


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
    prm = run_training(data, prm_config(**settings), output, evaluate=evaluate, on_log=on_log).prm
    assert isinstance(prm, PRM), "the card says so"
    return prm


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
    folder = TrainingFolder(output, config)
    place = place_of(config.model)
    tokenizer = load_tokenizer(place, config.revision)
    if config.head == "ntp" and add_markers(tokenizer, config) and config.lora_rank:
        raise ConfigError(
            "adapters cannot learn the embedding of a new token",
            hint="give prm_token and begin_of_action_token that the model has, or lora_rank 0",
        )
    found = read_data(data, config, tokenizer, load_config(place, config.revision), folder.quarantine)
    if (done := folder.begin(found)) is not None:
        return done
    with without_progress_bars():
        if config.is_frozen:
            log = _train_probe(found, config, folder, on_log=on_log)
        else:
            log = _train_network(found, config, folder, evaluate=evaluate, on_log=on_log)
    return folder.finish(log)


def _train_network(
    data: PrmData,
    config: PrmConfig,
    folder: TrainingFolder,
    *,
    evaluate: Callable[[PRM], Mapping[str, float]] | None,
    on_log: OnLog | None,
) -> list[dict[str, Any]]:
    """Trains and saves; gives the log, and adds to the record whether solutions were packed."""
    with training_libraries():
        from omega_fast.train.arguments import arguments_of, warm_up  # noqa: PLC0415 - they need accelerate
        from omega_fast.train.learning import learn  # noqa: PLC0415
        from omega_fast.train.packed import drawn_for  # noqa: PLC0415
        from omega_fast.train.prm_trainer import PrmTrainer  # noqa: PLC0415

        arguments = arguments_of(
            config, folder.checkpoints, evaluates=bool(data.held) or evaluate is not None
        )
    tokenizer = data.encoder.tokenizer
    set_seed(config.seed)
    if config.head == "probe":
        begins = last_checkpoint(folder.checkpoints) is None
        network: Any = _tuned_probe(data, config, begins=begins)
    else:
        network = _network(config, len(tokenizer))
    drawn = drawn_for(data.train, network, config, arguments.device)
    folder.note(packing=drawn.to_dict())
    if config.pack != "off" and on_log is not None and is_main():
        on_log({"step": 0, "packing": drawn.said})
    arguments.per_device_train_batch_size = drawn.batch_size
    warm_up(arguments, config, len(drawn.data))
    trainer = PrmTrainer(
        with_adapters(network, config, classifies=config.head != "ntp"),
        arguments,
        config,
        card=data.card,
        tokenizer=tokenizer,
        train=drawn.data,
        held=data.held,
        judge=None if evaluate is None else lambda trained: evaluate(PRM(trained, tokenizer, data.card)),
    )
    return learn(
        trainer,
        data,
        folder,
        curve=_curve(folder, config),
        on_log=on_log,
        base=(lambda: _network(config, len(tokenizer))) if config.lora_rank else None,
    )


def _train_probe(
    data: PrmData,
    config: PrmConfig,
    folder: TrainingFolder,
    *,
    on_log: OnLog | None,
) -> list[dict[str, Any]]:
    probe = _new_probe(data, config)
    curve = _curve(folder, config)

    def logged(history: list[dict[str, Any]]) -> None:
        curve.write(history)
        if on_log is not None:
            on_log(history[-1])

    updates = config.max_steps or max(1, round(config.passes))
    log = _train_layers(probe, data, config, updates=updates, rate=config.rate, on_log=logged)
    PRM(probe, data.encoder.tokenizer, data.card).save(folder.path)
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
    base = load_base(
        config.model,
        dtype="float32",
        attention=config.attention,
        likelihood=card.likelihood,
        revision=config.revision,
    )
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


def _curve(folder: TrainingFolder, config: PrmConfig) -> CurveWriter:
    return folder.curve(f"{config.head} on {config.loss}, labels {config.labels}")
