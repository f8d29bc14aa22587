"""Fine-tuning a generative process reward model from conversations to a checkpoint: `train_generative_prm`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.errors import ConfigError
from omega_fast.models.conversation_encoder import ConversationEncoder
from omega_fast.models.ledger_policy.location import EMBEDDED_POLICY
from omega_fast.models.prm_checkpoint import context_of, load_causal, load_config, load_tokenizer, place_of
from omega_fast.models.scorers.generative_prm import GenerativePRM
from omega_fast.models.scorers.torch_replies import TorchWriter
from omega_fast.records import Sampling
from omega_fast.store.files import LocalFileSystem, naming_input, write_atomically
from omega_fast.train.adapters import with_adapters
from omega_fast.train.data.conversations import ConversationSource
from omega_fast.train.folder import OnLog, Training, TrainingFolder, is_main
from omega_fast.train.generative_config import GenerativeConfig, generative_config
from omega_fast.train.generative_data import GenerativeData, read_generative_data
from omega_fast.train.libraries import training_libraries
from omega_fast.train.llama_factory import llama_factory_recipe
from omega_fast.train.merging import ADAPTER, describe_base

__all__ = ["run_generative_training", "train_generative_prm"]

Evaluate = Callable[[GenerativePRM], Mapping[str, float]]

_BATCH_TOKENS = 8192


def train_generative_prm(
    data: ConversationSource,
    output: Path | str | None = None,
    *,
    evaluate: Evaluate | None = None,
    on_log: OnLog | None = None,
    **settings: Any,
) -> GenerativePRM:
    """Fine-tune a chat model to criticise steps and return it (GroundedPRM, arXiv 2510.14942). The same call resumes.

    Args:
        data: A file or folder of conversations, as `omega grounded construct` writes them, or rows.
        output: The folder to write; a new temporary one by default.
        evaluate: Called with the model at every evaluation; its numbers are logged as `eval_NAME`.
        on_log: Told each entry of the log as it is made.
        settings: Any setting of `omega train generative-prm`, e.g. `lora_rank=16`.

    Raises:
        ConfigError: If a setting is unknown or cannot work.
        InputError: If the data cannot be read, or nothing can be learnt from them.
        RunConflictError: If `output` holds a training with other settings or data, or something else.
        BackendError: If a model cannot be loaded or a library is missing.

    >>> prm = train_generative_prm("data/train", "out/prm", model="your/chat-model")       # doctest: +SKIP
    """
    done = run_generative_training(
        data, generative_config(**settings), output, evaluate=evaluate, on_log=on_log
    )
    assert isinstance(done.prm, GenerativePRM), "the card says so"
    return done.prm


def run_generative_training(
    data: ConversationSource,
    config: GenerativeConfig,
    output: Path | str | None = None,
    *,
    evaluate: Evaluate | None = None,
    on_log: OnLog | None = None,
) -> Training:
    """`train_generative_prm` with its settings in one object and its record in the result. Raises like it."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    folder = TrainingFolder(output, config)
    place = place_of(config.model)
    encoder = _encoder(config, load_config(place, config.revision))
    found = read_generative_data(data, config, encoder, quarantine=folder.quarantine)
    if (done := folder.begin(found)) is not None:
        return done
    with without_progress_bars():
        log = _train(found, config, folder, encoder, evaluate=evaluate, on_log=on_log)
    if is_main():
        write_atomically(
            LocalFileSystem(), folder.path / "llamafactory.yaml", llama_factory_recipe(config, data).encode()
        )
    return folder.finish(log)


def _encoder(config: GenerativeConfig, model_config: Any) -> ConversationEncoder:
    if config.model == EMBEDDED_POLICY:
        from omega_fast.models.ledger_policy.judge import judge_tokenizer  # noqa: PLC0415 - only this model needs it

        tokenizer: Any = judge_tokenizer()
    else:
        tokenizer = load_tokenizer(config.model, config.revision)
    context = context_of(model_config, tokenizer)
    if config.max_length is not None and config.max_length > context:
        raise ConfigError(
            f"max_length is {config.max_length} and the model takes {context} tokens",
            hint="leave it out, or use a model with a longer context",
        )
    template = None
    if config.chat_template is not None:
        with naming_input(config.chat_template):
            template = config.chat_template.read_text("utf-8")
    return ConversationEncoder(tokenizer, config.max_length or context, template)


def _train(
    data: GenerativeData,
    config: GenerativeConfig,
    folder: TrainingFolder,
    encoder: ConversationEncoder,
    *,
    evaluate: Evaluate | None,
    on_log: OnLog | None,
) -> list[dict[str, Any]]:
    """Trains and saves; gives the log."""
    with training_libraries():
        from omega_fast.train.arguments import arguments_of, warm_up  # noqa: PLC0415 - they need accelerate
        from omega_fast.train.generative_trainer import (  # noqa: PLC0415
            GenerativeTrainer,
            verdict_weights,
        )
        from omega_fast.train.learning import learn  # noqa: PLC0415
        from omega_fast.train.muon import muon_for  # noqa: PLC0415 - older torch has no Muon

        arguments = arguments_of(
            config, folder.checkpoints, evaluates=bool(data.held) or evaluate is not None
        )
    warm_up(arguments, config, len(data.train))
    set_seed(config.seed)
    reply_tokens = data.card.reply_tokens or encoder.max_length

    def judge(trained: Any) -> Mapping[str, float]:
        assert evaluate is not None, "asked only if there is one"
        writer = TorchWriter(
            trained, encoder, data.card.verdict, Sampling(0.0, 0, 1.0, reply_tokens), _BATCH_TOKENS
        )
        return evaluate(GenerativePRM(writer, data.card))

    by_muon = config.optimizer == "muon"
    network = _network(config)
    new_tokens: list[int] = []
    if config.model == EMBEDDED_POLICY:
        from omega_fast.models.ledger_policy.judge import tell_apart, unseen_tokens  # noqa: PLC0415

        new_tokens = unseen_tokens(encoder.tokenizer)
        tell_apart(network, new_tokens, config.seed)
    network = with_adapters(
        network,
        config,
        classifies=False,
        new_tokens=new_tokens,
        fixed_inputs=by_muon,
    )
    trainer = GenerativeTrainer(
        network,
        arguments,
        tokenizer=encoder.tokenizer,
        train=data.train,
        held=data.held,
        judge=None if evaluate is None else judge,
        weights=verdict_weights(data.train, config.verdict_weight, balance=config.balance),
        optimizer=muon_for(network, config.rate, config.weight_decay) if by_muon else None,
    )
    kept = folder.path / ADAPTER if config.lora_rank else None
    log = learn(
        trainer,
        data,
        folder,
        curve=folder.curve("critiques, cross-entropy"),
        on_log=on_log,
        base=(lambda: _network(config)) if config.lora_rank else None,
        adapter=kept,
    )
    if kept is not None and is_main():
        encoder.tokenizer.save_pretrained(kept)
        data.card.write(kept)
        describe_base(kept, config.model, config.revision)
    return log


def _network(config: GenerativeConfig) -> Any:
    return load_causal(place_of(config.model), revision=config.revision, attention=config.attention)
