"""The stage behind `omega grounded extract`: search trees and their roots in, paths of judged steps out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omega_fast.exchange.roots import Root, read_roots
from omega_fast.grounded.counts import StageCounts
from omega_fast.records import FinishReason, Question, Verdict
from omega_fast.store.formats import GROUNDED_PATHS, GROUNDED_TREE, GroundedPath
from omega_fast.store.formats.fields import optional_text, right_or_wrong
from omega_fast.store.formats.files import RowFault
from omega_fast.store.formats.grounded import score, step_text
from omega_fast.store.formats.grounded_tree import leaf_paths
from omega_fast.verifiers.answer import AnswerVerifier

__all__ = ["extract_paths"]

_END = "<end>"
_LABELS = {True: "positive", False: "negative", None: None}
_RIGHT = {Verdict.CORRECT: True, Verdict.WRONG: False, Verdict.NO_ANSWER: False, Verdict.TRUNCATED: False}


def extract_paths(meta: Path, trees: Path, output: Path, *, min_depth: int = 1) -> StageCounts:
    """Write the paths of search trees, `syn_data.json`.

    A path that ends is labelled by its final answer: as its last node says in `outcome`, or by comparison with the
    root's. One that does not end is labelled by its last step's value, and has to be `min_depth` steps long.

    Args:
        meta: The roots that the trees were made from, `root.json`.
        trees: A folder with a tree in each file, or a file of them.
        output: The file to write.
        min_depth: Fewest steps of a path that does not end.

    Raises:
        InputError: The roots or the trees cannot be read at all.
        StoreError: The output cannot be written.
    """
    roots = read_roots(meta)
    counts = StageCounts(output)
    output.parent.mkdir(parents=True, exist_ok=True)

    def set_aside(fault: RowFault) -> None:
        counts.reject("the tree cannot be read")
        del fault

    def rows() -> Iterator[GroundedPath]:
        seen: set[tuple[str, ...]] = set()
        for tree in GROUNDED_TREE.read(trees, set_aside):
            root = roots.get(tree.question_id or "")
            paths = list(leaf_paths(tree.root))
            counts.noted["trees"] += 1
            if not paths:
                counts.reject("the tree has no path")
            for path in paths:
                reason = _unfit(root, path, min_depth)
                row = None if root is None or reason else _row(str(tree.question_id), root, path, verifier)
                name = (str(tree.question_id), *(each["content"] for each in row["steps"])) if row else ()
                if row is None or name in seen:
                    counts.reject(reason or "the same path comes a second time")
                    continue
                seen.add(name)
                counts.keep()
                counts.noted["steps"] += len(path)
                counts.noted["ended" if path[-1].get("terminate_node") else "open"] += 1
                counts.noted[str(row["label"] or "unlabelled")] += 1
                yield GROUNDED_PATHS.from_json(row)

    with AnswerVerifier(plain=True) as verifier:
        GROUNDED_PATHS.write_rows(output, rows())
    return counts


def _unfit(root: Root | None, path: Sequence[Mapping[str, Any]], min_depth: int) -> str:
    """Why a path is of no use; empty if it is."""
    if root is None:
        return "the tree is of no question in the roots"
    if not path[-1].get("terminate_node") and len(path) < min_depth:
        return f"it does not end and has fewer than {min_depth} steps"
    return ""


def _row(
    name: str, root: Root, path: Sequence[Mapping[str, Any]], verifier: AnswerVerifier
) -> dict[str, Any]:
    steps = []
    for number, node in enumerate(path, 1):
        tools = node["state"].get("wa_history") or []
        steps.append(
            {
                "content": step_text(node["state"]["steps"][-1]),
                "step score": score(node, "value"),
                "reflection": optional_text(node, "reflection") or "",
                "correction": tools[-1] if len(tools) == number else "",
            }
        )
    return {
        "idx": name,
        "question": root.question,
        "ground_truth": root.answer,
        "steps": steps,
        "label": _LABELS[_outcome(root, path[-1], verifier)],
    }


def _outcome(root: Root, last: Mapping[str, Any], verifier: AnswerVerifier) -> bool | None:
    """Whether a path came to the right end; of one that did not end, whether its last step was held right."""
    if not last.get("terminate_node"):
        value = score(last, "value")
        return None if value == 0 else value > 0
    said = right_or_wrong(last.get("outcome"))
    if said is not None:
        return said
    text = str(last["state"]["steps"][-1].get("action", "")).replace(_END, "")
    judgement = verifier.judge(Question("path", root.question, root.answer), text, FinishReason.STOP)
    return _RIGHT.get(judgement.verdict)
