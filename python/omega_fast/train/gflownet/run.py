"""Fine-tuning from opened parts to a policy in a folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Event
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.state import AcceleratorState  # type: ignore[import-untyped]
from transformers import set_seed

from omega_fast.backends.checkpoint import without_progress_bars
from omega_fast.backends.policy_identity import context_limit, end_ids
from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.backends.shared_sampler import SharedSampler
from omega_fast.backends.tokens import token_decoder
from omega_fast.errors import ConfigError, InputError
from omega_fast.models.prm_checkpoint import load_causal, load_tokenizer, place_of
from omega_fast.records import FinishReason, Generation, Question, Sampler, Sampling, StepScorer
from omega_fast.store.formats.outcomes import Outcome
from omega_fast.train.checkpoints import last_checkpoint
from omega_fast.train.folder import OnLog
from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.gflownet.folder import Finetuned, GflownetFolder
from omega_fast.train.gflownet.network import PolicyModule
from omega_fast.train.gflownet.reward import Rewards
from omega_fast.train.gflownet.solutions import Cutter, Drawn, drawn_of
from omega_fast.train.gflownet.trainer import GflownetTrainer
from omega_fast.train.packing.fitness import refuse_unpackable
from omega_fast.verifiers.base import Verifier

__all__ = ["Parts", "SamplerMaker", "run_gflownet"]

SamplerMaker = Callable[[PolicyModule, Any, Sampling], Sampler]
"""(policy, tokenizer, sampling) -> what draws from it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a fine-tuning is made of, opened.

    Attributes:
        questions: To learn on.
        template: How the policy is asked.
        cut: Finds the steps of a text.
        verifier: Judges answers.
        scorer: The reward model, if there is one.
        scorer_identity: What tells it from others.
        given: Solutions of another policy, such as a run's.
        sampler: Makes what draws; by default the network in training itself does.
    """

    questions: Sequence[Question]
    template: PromptTemplate
    cut: Cutter
    verifier: Verifier
    scorer: StepScorer | None = None
    scorer_identity: Any = None
    given: Sequence[Outcome] = ()
    sampler: SamplerMaker | None = None


def run_gflownet(
    parts: Parts,
    config: GflownetConfig,
    output: Any = None,
    *,
    on_log: OnLog | None = None,
    stop: Event | None = None,
) -> Finetuned:
    """Fine-tune a policy and leave it in a folder; the same call resumes.

    Raises:
        KeyboardInterrupt: `stop` was set, and what was done is saved.
        ConfigError: If settings do not fit the parts.
        InputError: If no question fits the policy.
        RunConflictError: If `output` holds a training with other settings or data, or something else.
        BackendError: If the model cannot be loaded, the engine or the reward model is gone, or the engine does not
            sample with the weights that were trained.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    if config.given_needs_replay(bool(parts.given)):
        raise ConfigError(
            "solutions of a run are learnt from by replay",
            hint="set replay to how many of them go with each group",
        )
    folder = GflownetFolder(output, config)
    accelerator = _accelerator(config, folder)
    place = place_of(config.model)
    tokenizer = load_tokenizer(place, config.revision)
    if (done := folder.begin(_report(parts))) is not None:
        return done
    if config.report_to != "none":
        accelerator.init_trackers("omega_fast", init_kwargs=_tracker(config))
    set_seed(config.seed)
    with without_progress_bars():
        network = load_causal(place, revision=config.revision, attention=config.attention)
    if config.gradient_checkpointing:
        network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    ends = end_ids(network.config, network.generation_config, tokenizer)
    if not ends:
        raise ConfigError(
            f"{config.model} has no token that ends a text, so its solutions have no probability",
            hint="give the model an eos_token_id",
        )
    context = context_limit(config.model, network.config.get_text_config(), None)
    encoder = PromptEncoder(tokenizer, parts.template, context - 1)
    prompts = [tuple(encoder.prompt(each).token_ids) for each in parts.questions]
    network.to(accelerator.device)
    packed, why = _packs(network, config)
    module = PolicyModule(network, config, sorted(ends), packed=packed).to(accelerator.device)
    module.eval()
    decoder = token_decoder(tokenizer)

    def decode(question: int, ids: Sequence[int]) -> str:
        return decoder.decode(ids, prompts[question])[0]

    rewards = Rewards(
        config,
        parts.questions,
        scorer=parts.scorer,
        verifier=parts.verifier,
        cut=parts.cut,
        decode=decode,
    )
    given = rewards(_given(parts, tokenizer, decoder, prompts, ends)) if parts.given else []
    if last_checkpoint(folder.checkpoints) is not None:
        # What was wrong with these is in the checkpoint's counts already
        rewards.counts.clear()
    sampling = Sampling(
        temperature=config.temperature, top_k=0, top_p=1.0, max_new_tokens=config.max_new_tokens
    )
    make = parts.sampler or _shared(parts.template, config)
    sampler = make(module, tokenizer, sampling)
    try:
        trainer = GflownetTrainer(
            config,
            questions=parts.questions,
            prompts=prompts,
            module=module,
            sampler=sampler,
            rewards=rewards,
            cut=parts.cut,
            folder=folder,
            accelerator=accelerator,
            given=given,
            on_log=on_log,
            stop=stop,
        )
        trainer.run()
    finally:
        sampler.close()
    if trainer.interrupted:
        raise KeyboardInterrupt
    if accelerator.is_main_process:
        _save(module, tokenizer, folder, config)
    accelerator.wait_for_everyone()
    if config.report_to != "none":
        accelerator.end_training()
    return folder.finish(
        log=trainer.history,
        faults=trainer.monitor.faults(),
        warnings=trainer.monitor.warnings,
        stopped=trainer.stopped,
        judge=rewards.judge,
        given=len(given),
        packing=why,
    )


def _accelerator(config: GflownetConfig, folder: GflownetFolder) -> Accelerator:
    """The processes that train together. Raises `ConfigError` if the tracker is unknown or not installed."""
    tracker = None if config.report_to == "none" else config.report_to
    # accelerate keeps device and precision for the whole process, and an earlier training may have had others
    joined = torch.distributed.is_available() and torch.distributed.is_initialized()
    AcceleratorState._reset_state(reset_partial_state=not joined)
    try:
        with warnings.catch_warnings(action="ignore"):  # of a tracker that is not there, which is told below
            made = Accelerator(
                cpu=config.device == "cpu",
                mixed_precision="bf16" if config.bf16 else "no",
                log_with=tracker,
                project_dir=str(folder.path),
            )
    except ValueError as error:
        raise ConfigError(f"accelerate cannot start: {error}", hint="check report_to and bf16") from error
    if tracker is not None and not made.log_with:
        raise ConfigError(f"the tracker {tracker} is not installed", hint=f"install {tracker}")
    return made


def _packs(network: Any, config: GflownetConfig) -> tuple[bool, str]:
    """Whether solutions of a question are one row, and why. Raises `ConfigError` if they are to be and cannot."""
    if config.pack == "off":
        return False, "rows, a solution each: pack is off"
    try:
        refuse_unpackable(network)
    except ConfigError as error:
        if config.pack == "on":
            raise
        return False, f"rows, a solution each: {error.message}"
    return True, "a row a question, what its solutions share computed once"


def _shared(template: PromptTemplate, config: GflownetConfig) -> SamplerMaker:
    def make(module: PolicyModule, tokenizer: Any, sampling: Sampling) -> Sampler:
        return SharedSampler(module.plain, tokenizer, template, sampling, slots=config.slots)

    return make


def _save(module: PolicyModule, tokenizer: Any, folder: GflownetFolder, config: GflownetConfig) -> None:
    """Adapters by themselves, and weights with them merged in."""
    network = module.network
    if config.lora_rank:
        network.save_pretrained(folder.adapter)
        network = network.merge_and_unload()
    with without_progress_bars():
        network.save_pretrained(folder.path)
    tokenizer.save_pretrained(folder.path)


def _given(
    parts: Parts, tokenizer: Any, decoder: Any, prompts: Sequence[Sequence[int]], ends: frozenset[int]
) -> list[Drawn]:
    """The solutions of another policy, as this one's tokens, for the questions that are learnt on."""
    places = {each.problem: at for at, each in enumerate(parts.questions)}
    found: list[Drawn] = []
    for number, row in enumerate(dict.fromkeys(parts.given)):
        at = places.get(row.prompt)
        if at is None:
            continue
        ids = tuple(tokenizer(row.response, add_special_tokens=False, verbose=False)["input_ids"])
        if not ends.isdisjoint(ids):
            continue
        text, offsets = decoder.decode(ids, prompts[at])
        generation = Generation(0, text, ids, offsets, len(ids), len(prompts[at]), FinishReason.STOP)
        found.append(drawn_of(generation, at, parts.cut, version=-1, number=number))
    if not found:
        raise InputError(
            f"none of {len(parts.given)} given solutions is of a question that is learnt on",
            hint="give the questions that the run was made of",
        )
    return found


def _report(parts: Parts) -> dict[str, Any]:
    """What is learnt on, with a fingerprint of all of it."""
    if not parts.questions:
        raise InputError("there are no questions to learn on", hint="check the file, or the limit")
    digest = blake2b(digest_size=16)
    for question in parts.questions:
        told = repr((question.id, question.problem, question.answer))
        digest.update(told.encode("utf-8", "surrogatepass"))
    for row in parts.given:
        digest.update(repr((row.prompt, row.response)).encode("utf-8", "surrogatepass"))
    digest.update(repr((parts.scorer_identity, parts.template.model_dump_json())).encode())
    return {
        "questions": len(parts.questions),
        "with_answers": sum(each.answer is not None for each in parts.questions),
        "given": len(parts.given),
        "reward_model": parts.scorer_identity,
        "fingerprint": digest.hexdigest(),
    }


def _tracker(config: GflownetConfig) -> dict[str, Any]:
    return {config.report_to: {"name": config.run_name}} if config.run_name else {}
