"""Training an implicit process reward model from outcomes to a checkpoint: `train_implicit_prm`."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed
from transformers.trainer_callback import PrinterCallback

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.errors import BackendError
from omega_fast.models.prm import PRM, ImplicitPRM, load_prm
from omega_fast.models.prm_card import CARD
from omega_fast.models.prm_checkpoint import load_causal, load_config, load_tokenizer, place_of
from omega_fast.train.adapters import merged, with_adapters
from omega_fast.train.checkpoints import check_same, last_checkpoint, write_record
from omega_fast.train.curve import CurveWriter
from omega_fast.train.data.outcomes import OutcomeSource
from omega_fast.train.folder import OnLog, Telling, is_main, opened, versions, wait_for_all
from omega_fast.train.implicit_config import ImplicitConfig, implicit_config
from omega_fast.train.implicit_data import ImplicitData, read_implicit_data
from omega_fast.train.prm import Training
from omega_fast.train.reference import ReferenceCache, model_key

__all__ = ["run_implicit_training", "train_implicit_prm"]

_LOGGER = logging.getLogger(__name__)
_CHECKPOINTS = "checkpoints"
_CURVE = "loss.svg"
_REFERENCE = "reference"

Evaluate = Callable[[PRM], Mapping[str, float]]


def train_implicit_prm(
    data: OutcomeSource,
    output: Path | str | None = None,
    *,
    evaluate: Evaluate | None = None,
    on_log: OnLog | None = None,
    **settings: Any,
) -> PRM:
    """Train a process reward model on outcomes alone and return it (arXiv 2412.01981). The same call resumes.

    Args:
        data: A run directory, a file, the name of a data set in the hub's local cache, or rows; see `read_outcomes`.
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
    return run_implicit_training(
        data, implicit_config(**settings), output, evaluate=evaluate, on_log=on_log
    ).prm


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
    folder = Path(tempfile.mkdtemp(prefix="omega-prm-")) if output is None else Path(output)
    before = opened(folder)
    place = place_of(config.model)
    tokenizer = load_tokenizer(place, config.revision)
    found = read_implicit_data(
        data,
        config,
        tokenizer,
        load_config(place, config.revision),
        quarantine=folder / "rows" if is_main() else None,
        dataset=dataset if is_main() else None,
    )
    if found.report["faults"]:
        _LOGGER.warning("some rows could not be used: %s", "; ".join(found.report["named"]))
    identity = {**config.identity(), "data": found.fingerprint}
    check_same(folder, before, identity) if before else None
    if before and before.get("finished") and (folder / CARD).is_file():
        return Training(_loaded(folder, config), folder, before)
    record = {
        "identity": identity,
        "data": found.report,
        "versions": versions(),
        "finished": False,
        "log": [],
    }
    if is_main():
        write_record(folder, record)
    kept = reference_cache or folder / _REFERENCE
    with without_progress_bars():
        log, computed = _train(found, config, folder, kept, evaluate=evaluate, on_log=on_log)
    record |= {
        "finished": True,
        "log": log,
        "reference": {"name": config.reference_name, "computed": computed},
    }
    if is_main():
        write_record(folder, record)
        if not config.keep_checkpoints:
            shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
    wait_for_all()
    return Training(_loaded(folder, config), folder, record)


def _train(
    data: ImplicitData,
    config: ImplicitConfig,
    folder: Path,
    kept: Path,
    *,
    evaluate: Evaluate | None,
    on_log: OnLog | None,
) -> tuple[list[dict[str, Any]], int]:
    try:
        from omega_fast.train.arguments import arguments_of, updates_of  # noqa: PLC0415 - they need accelerate
        from omega_fast.train.implicit_trainer import ImplicitTrainer  # noqa: PLC0415

        checkpoints = folder / _CHECKPOINTS
        arguments = arguments_of(config, checkpoints, evaluates=bool(data.held) or evaluate is not None)
    except ImportError as error:
        raise BackendError(
            f"training needs a library that is not there: {error}", hint="install omega_fast[train]"
        ) from error
    tokenizer = data.encoder.tokenizer
    updates = updates_of(config, len(data.train), config.batch_size, arguments.world_size)
    arguments.warmup_steps = round(config.warmup * updates)
    set_seed(config.seed)
    network = _network(config)
    cache, computed = _references(data, config, kept, network, arguments.device)
    curve = CurveWriter(folder / _CURVE, f"implicit on {config.objective}, beta {config.beta:g}")

    def judge(trained: Any) -> Mapping[str, float]:
        assert evaluate is not None, "asked only if there is one"
        reference = load_causal(place_of(config.reference_name)).to(arguments.device).eval()
        return evaluate(ImplicitPRM(trained, tokenizer, data.card, reference))

    trainer = ImplicitTrainer(
        with_adapters(network, config, classifies=False) if config.lora_rank else network,
        arguments,
        config,
        tokenizer=tokenizer,
        train=data.train,
        held=data.held,
        reference=cache.__getitem__,
        judge=None if evaluate is None else judge,
        callbacks=[curve, *([Telling(on_log)] if on_log is not None else [])],
    )
    trainer.remove_callback(PrinterCallback)
    resumed = last_checkpoint(checkpoints)
    trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    curve.on_log(arguments, trainer.state, None)
    if config.lora_rank:
        adapters = checkpoints / "adapters"
        trainer.save_model(str(adapters))
        if is_main():
            merged(_network(config), adapters).save_pretrained(folder)
    else:
        trainer.save_model(str(folder))
        # The arguments are a pickle, and training.json says more
        (folder / "training_args.bin").unlink(missing_ok=True)
    if is_main():
        tokenizer.save_pretrained(folder)
        data.card.write(folder)
    return [dict(entry) for entry in trainer.state.log_history], computed


def _references(
    data: ImplicitData, config: ImplicitConfig, kept: Path, network: Any, device: Any
) -> tuple[ReferenceCache, int]:
    """The reference's log-probabilities, computed as far as they are not kept.

    Where the reference is the model itself, that is the network before it is trained: what adapters leave when they are
    switched off.
    """
    place = place_of(config.reference_name)
    revision = config.revision if config.reference is None else None
    cache = ReferenceCache(kept, model_key(place, revision, "float32"))
    answers = [answer for item in (*data.train, *data.held) for answer in item.answers]
    wanted = len(cache.missing(answers))
    if wanted:
        reference = network if config.reference is None else load_causal(place, attention=config.attention)
        cache.fill(reference.to(device), answers)
    return cache, wanted


def _network(config: ImplicitConfig) -> Any:
    return load_causal(place_of(config.model), revision=config.revision, attention=config.attention)


def _loaded(folder: Path, config: ImplicitConfig) -> PRM:
    return load_prm(folder, attention=config.attention, device="cpu" if config.device == "cpu" else None)
