"""The format `dpo`: pairs of a right and a wrong solution of one question.

`{"prompt", "chosen", "rejected"}`, the columns that OpenRLHF's and TRL's preference trainers read. A pair is made of
two rollouts launched from the same state, so the two differ in the policy's choices after it alone; no rollout is in
two pairs, and equal texts are one. Lost: everything but the texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.base import ExportOptions, Format
from omega_fast.store.formats.fields import text
from omega_fast.store.formats.files import FOLDER, Row
from omega_fast.store.formats.outcomes import outcome

if TYPE_CHECKING:
    import pyarrow

__all__ = ["DPO", "Preference"]


@dataclass(frozen=True, slots=True)
class Preference:
    """A right solution and a wrong one."""

    prompt: str
    chosen: str
    rejected: str


def _rows_of(artifacts: Artifacts, _: ExportOptions) -> Iterator[Preference]:
    # A dict keeps the order of the draws and one of equal texts.
    right: dict[int, dict[str, None]] = {}
    wrong: dict[int, dict[str, None]] = {}
    for rollout in artifacts.rollouts:
        label = outcome(rollout)
        if label is not None:
            (right if label else wrong).setdefault(rollout.node, {})[rollout.text] = None
    for node, chosen in right.items():
        prefix = artifacts.prefix(node)
        for good, bad in zip(chosen, wrong.get(node, {}), strict=False):
            yield Preference(artifacts.question.problem, prefix + good, prefix + bad)


def _to_json(row: Preference, _: ExportOptions) -> dict[str, Any]:
    return {"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected}


def _from_json(row: Row) -> Preference:
    return Preference(text(row, "prompt"), text(row, "chosen"), text(row, "rejected"))


def _columns() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 - half a second that only columns should cost

    return pa.schema([(name, pa.string()) for name in ("prompt", "chosen", "rejected")])


DPO = Format(
    name="dpo",
    description="pairs of a right and a wrong rollout from the same state",
    suffixes=(".jsonl", ".json", ".parquet", ".csv", FOLDER),
    to_json=_to_json,
    from_json=_from_json,
    rows_of=_rows_of,
    columns=_columns,
)
