"""The format `samples`: one row for each labelled prefix, with everything the label rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import right_or_wrong, share, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledPrefix, LabelledSolution, along, paths
from omega_fast.store.formats.soft import Estimator, soft_label

if TYPE_CHECKING:
    import pyarrow

__all__ = ["SAMPLES", "Sample", "ValueEstimator"]

ValueEstimator = Literal["posterior_mean", "none"]
"""How the model-based value of a state was computed: by a posterior, or not at all."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled prefix of a solution.

    Attributes:
        question_id: The question's id.
        question: Its text.
        prefix: The solution so far; its end is what the label is about.
        parent_prefix: The same without the last step; `None` at the root.
        step: The last step; `prefix` is `parent_prefix` and this.
        depth: Steps in `prefix`.
        n_rollouts: Judged rollouts launched from here.
        n_correct: Right ones among them.
        label: Soft label in [0, 1], unbiased; `None` where nothing unbiased is known.
        estimator: How `label` was computed.
        hard_label: 1 right, 0 wrong, `None` unknown.
        hard_rule: What `hard_label` rests on.
        stopping_rule: When sampling from here stopped.
        n_excluded: Rollouts from here that the checker could not judge.
        seed: Seed of the run.
        state: Hash of question and prefix.
        gold_source: Where the gold answer came from.
        confidence: How probable the hard label is, where a posterior says so.
        label_low: Lower end of the 95 % interval of `label`.
        label_high: Its upper end.
        label_correct: Right draws that `label` rests on.
        label_rollouts: Judged draws that `label` rests on; draws made for it alone are not among `n_rollouts`.
        value: The posterior mean of what `label` estimates, by a model: never the same as `label`.
        value_low: Lower end of its 95 % credible interval.
        value_high: Its upper end.
        value_estimator: `posterior_mean`, or `none` where no posterior spoke.
    """

    question_id: str
    question: str
    prefix: str
    parent_prefix: str | None
    step: str
    depth: int
    n_rollouts: int
    n_correct: int
    label: float | None
    estimator: Estimator
    hard_label: int | None
    hard_rule: str | None
    stopping_rule: str
    n_excluded: int
    seed: int | None
    state: str
    gold_source: str
    confidence: float | None = None
    label_low: float | None = None
    label_high: float | None = None
    label_correct: int | None = None
    label_rollouts: int | None = None
    value: float | None = None
    value_low: float | None = None
    value_high: float | None = None
    value_estimator: ValueEstimator = "none"


def _project(artifacts: Artifacts, options: ExportOptions) -> Iterator[Sample]:
    for node in artifacts.nodes:
        soft, value = soft_label(node), node.value
        if soft is None and node.hard is None and value is None:
            continue
        yield Sample(
            question_id=artifacts.question.id,
            question=artifacts.question.problem,
            prefix=artifacts.prefix(node.id),
            parent_prefix=None if node.parent is None else artifacts.prefix(node.parent),
            step=node.step,
            depth=node.depth,
            n_rollouts=node.n_rollouts,
            n_correct=node.n_correct,
            label=None if soft is None else soft.label,
            estimator="none" if soft is None else soft.estimator,
            hard_label=None if node.hard is None else int(node.hard),
            hard_rule=node.hard_rule,
            stopping_rule=node.stopping_rule,
            n_excluded=node.n_excluded,
            seed=options.seed,
            state=node.state,
            gold_source=artifacts.gold_source,
            confidence=node.confidence,
            label_low=None if soft is None else soft.low,
            label_high=None if soft is None else soft.high,
            label_correct=None if soft is None else soft.n_correct,
            label_rollouts=None if soft is None else soft.n_rollouts,
            value=None if value is None else value.mean,
            value_low=None if value is None else value.low,
            value_high=None if value is None else value.high,
            value_estimator="none" if value is None else "posterior_mean",
        )


def _to_json(sample: Sample, _: ExportOptions) -> dict[str, Any]:
    return asdict(sample)


def _from_json(row: Row) -> Sample:
    for name in ("question_id", "question", "prefix", "step"):
        text(row, name)
    for name in ("label", "label_low", "label_high", "value", "value_low", "value_high"):
        share(row[name] if name == "label" else row.get(name))
    right_or_wrong(row["hard_label"])
    return Sample(**row)


def _to_solutions(rows: Sequence[Sample]) -> Iterator[LabelledSolution]:
    first = rows[0]
    prefixes = (LabelledPrefix(row.prefix, right_or_wrong(row.hard_label), row.label) for row in rows)
    for chain in paths(prefixes):
        yield along(chain, first.question, question_id=first.question_id)


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only Parquet should cost

    kinds = {
        "depth": pa.int32(),
        "n_rollouts": pa.int32(),
        "n_correct": pa.int32(),
        "label": pa.float64(),
        "confidence": pa.float64(),
        "label_low": pa.float64(),
        "label_high": pa.float64(),
        "label_correct": pa.int32(),
        "label_rollouts": pa.int32(),
        "value": pa.float64(),
        "value_low": pa.float64(),
        "value_high": pa.float64(),
        "hard_label": pa.int8(),
        "n_excluded": pa.int32(),
        "seed": pa.uint64(),
    }
    return pa.schema([(name, kinds.get(name, pa.string())) for name in Sample.__slots__])


SAMPLES = Format(
    name="samples",
    description="one row for each labelled prefix: soft and hard label, counts, estimator, seed",
    suffixes=(".jsonl", ".json", ".parquet", FOLDER),
    rows_of=_project,
    to_json=_to_json,
    from_json=_from_json,
    to_solutions=_to_solutions,
    together=lambda row: row.question_id,
    columns=_columns,
)
