"""Training an implicit process reward model from outcomes to a checkpoint: `train_implicit_prm`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.models.prm import PRM, ImplicitPRM
from omega_fast.models.prm_checkpoint import load_causal, load_config, load_tokenizer, place_of
from omega_fast.train.adapters import with_adapters
from omega_fast.train.data.outcomes import OutcomeSource
from omega_fast.train.folder import OnLog, Training, TrainingFolder, is_main
from omega_fast.train.implicit_config import ImplicitConfig, implicit_config
from omega_fast.train.implicit_data import ImplicitData, read_implicit_data
from omega_fast.train.libraries import training_libraries
from omega_fast.train.reference import ReferenceCache, model_key

__all__ = ["run_implicit_training", "train_implicit_prm"]

Evaluate = Callable[[PRM], Mapping[str, float]]


def train_implicit_prm(
    data: OutcomeSource,
    output: Path | str | None = None,
    *,
    evaluate: Evaluate | None = None,
    on_log: OnLog | None = None,
    **settings: Any,
) -> ImplicitPRM:
    """Train a process reward model on outcomes alone and return it (arXiv 2412.01981). The same call resumes.

    Args:
        data: A run directory, a file, the name of a data set on the hub, or rows; see `read_outcomes`.
        output: The folder to write; a new temporary one by default.
        evaluate: Called with the model at every evaluation; its numbers are logged as `eval_NAME`.
        on_log: Told each entry of the log as it is made.
        settings: Any setting of `omega train implicit-prm`, e.g. `objective="dpo"`.

    Raises:
        ConfigError: If a setting is unknown or cannot work.
        InputError: If the data cannot be read, or nothing can be learnt from them.
        RunConflictError: If `output` holds a training with other settings or data, or something else.
        BackendError: If a model cannot be loaded or a library is missing.

    >>> prm = train_implicit_prm("run", "out/prm", objective="ce")              # doctest: +SKIP
    """
    config = implicit_config(**settings)
    prm = run_implicit_training(data, config, output, evaluate=evaluate, on_log=on_log).prm
    assert isinstance(prm, ImplicitPRM), "the card says so"
    return prm


def run_implicit_training(
    data: OutcomeSource,
    config: ImplicitConfig,
    output: Path | str | None = None,
    *,
    dataset: Path | None = None,
    reference_cache: Path | None = None,
    evaluate: Evaluate | None = None,
    on_log: OnLog | None = None,
) -> Training:
    """`train_implicit_prm` with its settings in one object and its record in the result. Raises like it.

    Args:
        data: See `train_implicit_prm`.
        config: The settings.
        output: The folder to write.
        dataset: The file to write all usable rows to, as OpenRLHF reads them.
        reference_cache: Where the reference's log-probabilities are kept; a folder in `output` by default.
        evaluate: See `train_implicit_prm`.
        on_log: The same.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    folder = TrainingFolder(output, config)
    place = place_of(config.model)
    model_config = load_config(place, config.revision)
    tokenizer = load_tokenizer(place, config.revision)
    # One that cannot be loaded is better known now than when all data are read
    load_config(place_of(config.reference_name), config.reference_revision)
    found = read_implicit_data(
        data,
        config,
        tokenizer,
        model_config,
        quarantine=folder.quarantine,
        dataset=dataset if is_main() else None,
    )
    if (done := folder.begin(found)) is not None:
        return done
    kept = reference_cache or folder.path / "reference"
    with without_progress_bars():
        log = _train(found, config, folder, kept, evaluate=evaluate, on_log=on_log)
    return folder.finish(log)


def _train(
    data: ImplicitData,
    config: ImplicitConfig,
    folder: TrainingFolder,
    kept: Path,
    *,
    evaluate: Evaluate | None,
    on_log: OnLog | None,
) -> list[dict[str, Any]]:
    """Trains and saves; gives the log, and adds to the record what the reference was asked."""
    with training_libraries():
        from omega_fast.train.arguments import arguments_of, warm_up  # noqa: PLC0415 - they need accelerate
        from omega_fast.train.implicit_trainer import ImplicitTrainer  # noqa: PLC0415
        from omega_fast.train.learning import learn  # noqa: PLC0415

        arguments = arguments_of(
            config, folder.checkpoints, evaluates=bool(data.held) or evaluate is not None
        )
    tokenizer = data.encoder.tokenizer
    warm_up(arguments, config, len(data.train))
    set_seed(config.seed)
    network = _network(config)
    cache, computed = _references(data, config, kept, network, arguments.device)
    folder.note(reference={"name": config.reference_name, "computed": computed})

    def judge(trained: Any) -> Mapping[str, float]:
        assert evaluate is not None, "asked only if there is one"
        return evaluate(ImplicitPRM(trained, tokenizer, data.card, _reference(config).to(arguments.device)))

    trainer = ImplicitTrainer(
        with_adapters(network, config, classifies=False),
        arguments,
        config,
        tokenizer=tokenizer,
        train=data.train,
        held=data.held,
        reference=cache.__getitem__,
        judge=None if evaluate is None else judge,
    )
    return learn(
        trainer,
        data,
        folder,
        curve=folder.curve(f"implicit on {config.objective}, beta {config.beta:g}"),
        on_log=on_log,
        base=(lambda: _network(config)) if config.lora_rank else None,
    )


def _references(
    data: ImplicitData, config: ImplicitConfig, kept: Path, network: Any, device: Any
) -> tuple[ReferenceCache, int]:
    """The reference's log-probabilities, computed as far as they are not kept.

    Where the reference is the model itself, that is the network before it is trained: what adapters leave when they are
    switched off.
    """
    cache = ReferenceCache(
        kept, model_key(place_of(config.reference_name), config.reference_revision, "float32")
    )
    answers = [answer for item in (*data.train, *data.held) for answer in item.answers]
    wanted = len(cache.missing(answers))
    if wanted:
        cache.fill((network if config.reference is None else _reference(config)).to(device), answers)
    return cache, wanted


def _network(config: ImplicitConfig) -> Any:
    return load_causal(place_of(config.model), revision=config.revision, attention=config.attention)


def _reference(config: ImplicitConfig) -> Any:
    place = place_of(config.reference_name)
    return load_causal(place, revision=config.reference_revision, attention=config.attention).eval()
