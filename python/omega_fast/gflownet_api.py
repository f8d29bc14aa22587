"""The Python interface of GFlowNet fine-tuning: one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omega_fast.api import question_from_row
from omega_fast.jobs.gflownet import finetune
from omega_fast.jobs.scorers import ScorerOptions
from omega_fast.records import Question, StepScorer
from omega_fast.train.gflownet.config import gflownet_config

if TYPE_CHECKING:
    from omega_fast.store.formats.outcomes import Outcome
    from omega_fast.train.folder import OnLog
    from omega_fast.train.gflownet.folder import Finetuned
    from omega_fast.train.gflownet.run import SamplerMaker

__all__ = ["train_gflownet"]


def train_gflownet(
    questions: str | Path | Iterable[Question | Mapping[str, Any]],
    output: Path | str | None = None,
    *,
    prm: str | StepScorer | None = None,
    shape: str = "auto",
    options: ScorerOptions = ScorerOptions(),  # noqa: B008 - frozen
    from_run: Path | str | Sequence[Outcome] | None = None,
    make_sampler: SamplerMaker | None = None,
    on_log: OnLog | None = None,
    **settings: Any,
) -> Finetuned:
    """Fine-tune a policy so that it samples solutions in proportion to a reward; the same call resumes.

    The target is reference(y) exp(r(y) / beta), with r from a reward model or from answers alone.

    Args:
        questions: A file, `ledger` for the embedded task, or `Question` objects, or what one line of a question file
            parses to.
        output: The folder to write: a checkpoint, its adapter, plots, log and record; a new temporary one by default.
        prm: A reward model: a checkpoint, `module:function`, or an object with `score_many`.
        shape: How the checkpoint marks steps, where its files do not say.
        options: How the reward model is run.
        from_run: Solutions to replay: a run directory, a file of whole solutions, or rows; needs `replay`.
        make_sampler: Makes what draws from the policy, instead of the engine that the settings name.
        on_log: Told each entry of the log.
        settings: Any setting of `omega train gflownet`, e.g. `objective="subtb"`, `lora_rank=0`.

    Raises:
        ConfigError: A setting is unknown or cannot work.
        OmegaError: As `omega_fast.jobs.gflownet.finetune` says.

    >>> done = train_gflownet("ledger", "out/policy", updates=100)              # doctest: +SKIP
    >>> done.record["log"][-1]["right"]                                         # doctest: +SKIP
    0.84
    """
    config = gflownet_config(**settings)
    return finetune(
        questions if isinstance(questions, str | Path) else map(question_from_row, questions),
        config,
        output,
        prm=prm,
        shape=shape,
        options=options,
        from_run=from_run,
        make_sampler=make_sampler,
        on_log=on_log,
    )
