"""The format `samples`: one row for each labelled prefix, with everything the label rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import right_or_wrong, share, text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.labelled import LabelledPrefix, LabelledSolution, along, paths
from omega_fast.store.formats.soft import Estimator, soft_label

if TYPE_CHECKING:
    import pyarrow

__all__ = ["SAMPLES", "Sample"]


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
        label: Soft label in [0, 1]; `None` if nothing was judged.
        estimator: How `label` was computed.
        hard_label: 1 right, 0 wrong, `None` unknown.
        hard_rule: What `hard_label` rests on.
        stopping_rule: When sampling from here stopped.
        n_excluded: Rollouts from here that the checker could not judge.
        seed: Seed of the run.
        state: Hash of question and prefix.
        gold_source: Where the gold answer came from.
        confidence: How probable the hard label is, where a posterior says so.
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


def _project(artifacts: Artifacts, options: ExportOptions) -> Iterator[Sample]:
    for node in artifacts.nodes:
        label, estimator = soft_label(node)
        if label is None and node.hard is None:
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
            label=label,
            estimator=estimator,
            hard_label=None if node.hard is None else int(node.hard),
            hard_rule=node.hard_rule,
            stopping_rule=node.stopping_rule,
            n_excluded=node.n_excluded,
            seed=options.seed,
            state=node.state,
            gold_source=artifacts.gold_source,
            confidence=node.confidence,
        )


def _to_json(sample: Sample, _: ExportOptions) -> dict[str, Any]:
    return asdict(sample)


def _from_json(row: Row) -> Sample:
    for name in ("question_id", "question", "prefix", "step"):
        text(row, name)
    share(row["label"])
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
