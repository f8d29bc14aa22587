"""The job behind `omega train gflownet`: everything that a fine-tuning is made of, opened and handed to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from omega_fast._core import step_cuts
from omega_fast.backends.prompts import PromptTemplate
from omega_fast.config import EMBEDDED_POLICY, LEDGER, AnnotateConfig, resolve
from omega_fast.errors import ConfigError, InputError
from omega_fast.jobs.opening import open_questions, open_verifier, prompt_options
from omega_fast.jobs.scorers import ScorerOptions, opened
from omega_fast.records import Question, Sampler, Sampling, StepScorer
from omega_fast.train.gflownet.config import GflownetConfig
from omega_fast.train.libraries import training_libraries

if TYPE_CHECKING:
    from omega_fast.store.formats.outcomes import Outcome
    from omega_fast.train.folder import OnLog
    from omega_fast.train.gflownet.folder import Finetuned
    from omega_fast.train.gflownet.run import SamplerMaker

__all__ = ["finetune"]

_GIVEN = "(given)"
_LEDGER_TOKENS = 128


def finetune(
    questions: str | Path | Iterable[Question],
    config: GflownetConfig,
    output: Path | str | None = None,
    *,
    prm: str | StepScorer | None = None,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    from_run: Path | str | Sequence[Outcome] | None = None,
    make_sampler: SamplerMaker | None = None,
    on_log: OnLog | None = None,
    stop: Event | None = None,
) -> Finetuned:
    """Fine-tune a policy so that it writes each solution as often as its reward says; the same call resumes.

    Args:
        questions: A question file, `ledger` for the embedded task, or questions.
        config: The settings.
        output: The folder to write; a new temporary one by default.
        prm: The reward model: a checkpoint, a `module:function`, or an object.
        shape: Of the checkpoint.
        options: How the reward model is run.
        from_run: Solutions of another policy to replay: a run directory, a file of whole solutions, or rows.
        make_sampler: Makes what draws from the policy; by default what the settings say.
        on_log: Told each entry of the log.
        stop: Once set, the update at work is finished and saved, and no other begins; for one process.

    Raises:
        KeyboardInterrupt: `stop` was set.
        ConfigError: A setting cannot work.
        InputError: Questions or solutions cannot be read, or there are none.
        RunConflictError: `output` holds a training with other settings or data, or something else.
        BackendError: A model cannot be loaded, a library is missing, an engine is gone, or it does not sample with the
            weights that were trained.
    """
    with training_libraries():
        from omega_fast.train.gflownet.run import Parts, run_gflownet  # noqa: PLC0415 - it loads torch

    run = _run_config(questions, config)
    core = run.core_config()

    def cut(text: str, ends: Sequence[int]) -> Sequence[int]:
        return step_cuts(core, text, list(ends))

    cut("", ())
    with ExitStack() as stack:
        scorer = None if prm is None else stack.enter_context(opened(prm, shape, options))
        parts = Parts(
            questions=_questions(questions, run),
            template=PromptTemplate(**prompt_options(run)),
            cut=cut,
            verifier=stack.enter_context(open_verifier(run)),
            scorer=None if scorer is None else scorer.scorer,
            scorer_identity=None if scorer is None else dict(scorer.identity),
            given=() if from_run is None else _solutions(from_run),
            sampler=make_sampler or _engine(config, run),
        )
        return run_gflownet(parts, config, output, on_log=on_log, stop=stop)


def _run_config(questions: Any, config: GflownetConfig) -> AnnotateConfig:
    """The same settings as those of a run, by which questions, steps, prompts and verifiers are known."""
    is_ledger = questions == LEDGER or config.model == EMBEDDED_POLICY
    given = {
        "question_file": str(questions) if isinstance(questions, str | Path) else _GIVEN,
        "format": config.format,
        "limit": config.limit,
        "ledger_split": config.ledger_split,
        "seed": config.seed,
        "model_name": config.model,
        "separator": config.separator,
        "prompt_template": config.prompt_template,
        "system_prompt": config.system_prompt,
        "chat": config.chat,
        "solutions": "ignore",
    }
    return resolve(preset="ledger" if is_ledger else None, env={}, overrides=given)


def _questions(source: Any, run: AnnotateConfig) -> list[Question]:
    if not isinstance(source, str | Path):
        found = list(source)
        wrong = next((each for each in found if not isinstance(each, Question)), None)
        if wrong is not None:
            raise InputError(
                f"one of the questions is a {type(wrong).__name__}", hint="give a file or Question objects"
            )
        return found[: run.limit]
    faults: list[Any] = []
    found = list(open_questions(run, faults.append))
    if not found:
        first = f": line {faults[0].line}: {faults[0].reason}" if faults else ""
        raise InputError(f"{source} holds no question that can be read{first}", hint="check the file")
    return found


def _solutions(source: Any) -> list[Outcome]:
    from omega_fast.train.data.faults import Faults  # noqa: PLC0415 - with the training
    from omega_fast.train.data.outcomes import outcomes_of, read_outcomes  # noqa: PLC0415

    faults = Faults("skip", None)
    found = [row for _, row in outcomes_of(read_outcomes(source, faults, pairs=False))]
    if not found:
        raise InputError(f"{source} holds no solutions", hint="give a run directory, or a file of solutions")
    return found


def _engine(config: GflownetConfig, run: AnnotateConfig) -> SamplerMaker | None:
    """What makes an engine beside the trainer; `None` where the network in training is sampled itself."""
    if config.sampler == "transformers":
        return None

    def make(module: Any, tokenizer: Any, sampling: Sampling) -> Sampler:
        del module, tokenizer
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ConfigError(
                "vllm samples for one process", hint="use sampler transformers with several processes"
            )

        def start(adapter: Path) -> Any:
            from omega_fast.backends.vllm import open_vllm_with_engine  # noqa: PLC0415 - it takes seconds

            return open_vllm_with_engine(
                {
                    "model": place_of(config.model),
                    "revision": config.revision,
                    "adapter": adapter,
                    "prompt": prompt_options(run),
                    "dtype": "bfloat16" if config.bf16 else "float32",
                    "threads": config.threads,
                    "slots": config.slots,
                    "engine_args": config.engine_args,
                },
                sampling,
            )

        return VllmSampler(start, sampling.max_new_tokens)

    from omega_fast.backends.vllm_sampler import VllmSampler  # noqa: PLC0415 - it loads torch
    from omega_fast.models.prm_checkpoint import place_of  # noqa: PLC0415 - the same

    return make
