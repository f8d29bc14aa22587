"""What a configuration names, opened: questions, policy, verifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from omega_fast.backends.base import Backend
from omega_fast.backends.hub_names import check_model_name
from omega_fast.backends.opening import BackendSettings, open_backend
from omega_fast.config import EMBEDDED_POLICY, LEDGER, AnnotateConfig
from omega_fast.errors import ConfigError, InputError
from omega_fast.records import Question
from omega_fast.spending.prices import Prices, read_prices
from omega_fast.spending.purse import RunBudgets
from omega_fast.tasks.base import Quarantine
from omega_fast.tasks.read import read_questions
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.checker import load_verifier
from omega_fast.verifiers.extract import extract_answer
from omega_fast.verifiers.majority import MajorityVerifier
from omega_fast.verifiers.pool import default_workers

if TYPE_CHECKING:
    from omega_fast.models.policy_likelihood import PolicyLikelihood

__all__ = [
    "OWN_SOLUTIONS",
    "open_policy",
    "open_prices",
    "open_questions",
    "open_verifier",
    "opens_thought",
    "prompt_options",
    "run_budgets",
    "torch_policy",
]

OWN_SOLUTIONS = "questions"
"""The `model_name` with which the recorded engine plays back the solutions that came with the questions."""

_LEDGER_DEFAULT_LIMIT = 100
_LOAD_A_MODEL = {"hf", "transformers", "vllm"}


def open_questions(config: AnnotateConfig, quarantine: Quarantine) -> Iterator[Question]:
    """The questions of a configuration, in order, at most `limit`; bad records go to `quarantine`.

    Raises:
        InputError: If the file cannot be read.
    """
    if config.question_file == LEDGER:
        from omega_fast.tasks.ledger import LedgerConfig, questions  # noqa: PLC0415 - only this task needs it

        limit = config.limit or _LEDGER_DEFAULT_LIMIT
        problems = LedgerConfig(skin=config.ledger_skin)
        yield from questions(problems, limit, config.seed, config.ledger_split)
        return
    has_gold = config.gold == "given"
    form = "jsonl-unanswered" if config.format == "auto" and not has_gold else config.format
    for index, question in enumerate(read_questions(Path(config.question_file), form, quarantine=quarantine)):
        if config.limit is not None and index >= config.limit:
            return
        yield question


def open_policy(config: AnnotateConfig) -> Backend:
    """The engine with its model.

    Raises:
        BackendError: If it cannot start.
        ConfigError: If it does not understand its options.
    """
    options = _OPTIONS.get(config.model_type, _transformers_options)(config)
    if config.model_type in _LOAD_A_MODEL:
        check_model_name(options["model"], config.revision)
    # The embedded policy was taught the plain skin alone
    retells = (
        config.question_file == LEDGER
        and config.ledger_skin == "story"
        and config.model_name == EMBEDDED_POLICY
    )
    settings = BackendSettings(name=config.model_type, options=options, reads_plain=retells)
    return open_backend(settings, config.sampling())


def torch_policy(config: AnnotateConfig) -> PolicyLikelihood:
    """The model of a configuration in torch, for the probabilities of solutions, whatever engine draws them.

    Raises:
        BackendError: If it cannot be loaded.
    """
    from omega_fast.models.policy_likelihood import open_likelihood  # noqa: PLC0415 - it loads torch

    options = _transformers_options(config)
    check_model_name(options["model"], config.revision)
    return open_likelihood(options, config.temperature)


def open_prices(config: AnnotateConfig) -> Prices | None:
    """What the model's tokens cost; `None` without a price file. Raises `ConfigError` if it lacks them."""
    return None if config.price_file is None else read_prices(config.price_file, config.model_name)


def run_budgets(config: AnnotateConfig, began: float, prices: Prices | None) -> RunBudgets:
    """What a whole run may spend, for one that began at a moment of the monotonic clock."""
    return RunBudgets(
        max_tokens=config.max_tokens,
        max_cost=config.max_cost,
        until=inf if config.max_time is None else began + config.max_time,
        prices=prices,
    )


def opens_thought(config: AnnotateConfig, prompt: str) -> bool:
    """Whether a rendered prompt leaves a thought open, as the chat templates of some reasoning models do.

    Only the end of the prompt tells: the question itself may speak of markers.
    """
    if config.thought_opened is not None:
        return config.thought_opened
    return prompt.rstrip().endswith(config.thought_open.rstrip())


def open_verifier(config: AnnotateConfig) -> Verifier:
    """The verifier, with a majority vote before it if the configuration asks for one.

    Raises:
        ConfigError: If a checker cannot be imported, or the vote could wait for ever.
    """
    markers = config.thought_markers()
    common: dict[str, Any] = {
        "workers": config.verifier_workers or default_workers(),
        "deadline_s": config.verifier_deadline,
        "thought": markers,
    }
    inner: Verifier = (
        AnswerVerifier(**common) if config.verifier == "answer" else load_verifier(config.verifier, **common)
    )
    if config.gold != "majority":
        return inner
    votes = config.root_draws * config.max_new_tokens
    if config.token_budget is not None and config.token_budget < votes:
        raise ConfigError(
            f"token_budget {config.token_budget} may not pay for the {config.root_draws} draws that vote",
            hint=f"raise it to {votes} or more, or drop gold=majority",
        )
    return MajorityVerifier(inner, config.root_draws, extract=partial(extract_answer, thought=markers))


def _model_options(config: AnnotateConfig) -> dict[str, Any]:
    return {
        "model": _checkpoint(config.model_name),
        "revision": config.revision,
        "prompt": prompt_options(config),
        "stop": config.stop,
        "dtype": config.dtype,
        "threads": config.threads,
        "slots": config.slots,
        "max_context": config.max_context,
        "trust_remote_code": config.trust_remote_code,
    }


def _server_options(config: AnnotateConfig) -> dict[str, Any]:
    return {
        "model": config.model_name,
        "base_url": config.base_url,
        "api_key_env": config.api_key_env,
        "tokenizer": config.tokenizer or _checkpoint(config.model_name),
        "revision": config.revision,
        "trust_remote_code": config.trust_remote_code,
        "prompt": prompt_options(config),
        "stop": config.stop,
        "max_context": config.max_context,
        "slots": config.slots,
        "request_timeout": config.longest_wait(config.request_timeout),
        "retries": config.retries,
    }


def _checkpoint(model: str) -> str:
    """The folder or hub name of a model."""
    if model != EMBEDDED_POLICY:
        return model
    from omega_fast.models.ledger_policy import ASSETS  # noqa: PLC0415 - only this model needs it

    return str(ASSETS)


def prompt_options(config: AnnotateConfig) -> dict[str, Any]:
    """How a question is shown to the policy, as `PromptTemplate` has it."""
    style = {None: "auto", True: "chat", False: "plain"}[config.chat]
    return {
        "style": style,
        "text": config.prompt_template,
        "system": config.system_prompt or "",
        "chat_options": config.chat_options,
    }


def _transformers_options(config: AnnotateConfig) -> dict[str, Any]:
    own = {
        "device": config.device,
        "attention": config.attn_implementation,
        "adapter": config.adapter,
    }
    return _model_options(config) | own


def _vllm_options(config: AnnotateConfig) -> dict[str, Any]:
    if config.device != "auto" or config.attn_implementation != "sdpa":
        raise ConfigError(
            "device and attn_implementation are settings of the transformers engine",
            hint="choose GPUs for vllm by CUDA_VISIBLE_DEVICES, attention by attention_backend in engine_args",
        )
    own = {
        "adapter": config.adapter,
        "tensor_parallel_size": config.tensor_parallel_size,
        "engine_args": config.engine_args,
    }
    return _model_options(config) | own


def _recorded_options(config: AnnotateConfig) -> dict[str, Any]:
    if config.model_name in (OWN_SOLUTIONS, EMBEDDED_POLICY):
        # Whatever the limit, so that a run can grow: the recording is part of what the run is.
        questions = open_questions(config.model_copy(update={"limit": None}), lambda _: None)
        solutions = {each.id: [solution.text for solution in each.solutions] for each in questions}
        return {"solutions": solutions, "slots": config.slots}
    path = Path(config.model_name)
    try:
        return {"solutions": orjson.loads(path.read_bytes()), "slots": config.slots}
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(
            f"{path} holds no recorded solutions: {error}",
            hint='write a JSON object {"question id": ["solution", ...]}, or set model_name to "questions"',
        ) from error


_OPTIONS: Mapping[str, Callable[[AnnotateConfig], dict[str, Any]]] = {
    "openai": _server_options,
    "recorded": _recorded_options,
    "vllm": _vllm_options,
}
"""What an engine is told, by its name; the other engines are told what transformers is told."""
