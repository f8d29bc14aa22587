"""What the formats of GroundedPRM (arXiv 2510.14942) have in common: nodes, verdicts, and the texts of a check.

A node is `{"id", "value", "visits", "state": {"global_objective", "conditions", "steps": [{"step_objective", "action"},
...], "wa_history", ...}, "reflection", ...}`. Its value is a sum of scores in {-1, +1}; its reflection begins with the
judge's verdict, `[True]` or `[False]`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from omega_fast.store.artifacts import Artifacts, Node
from omega_fast.store.formats.fields import listed, optional_text, right_or_wrong, share, text
from omega_fast.store.formats.labelled import LabelledSolution, StepCheck, labelled
from omega_fast.store.formats.soft import state_value

__all__ = [
    "check_of",
    "checked_label",
    "full_texts",
    "node_record",
    "score",
    "solution_along",
    "step_text",
    "steps_to",
    "tool_text",
]

Record = Mapping[str, Any]

_OPENING = re.compile(r"""\s*\[\[?["']?(true|false)["']?\]?\]""", re.IGNORECASE)
_CLOSING = re.compile(r"The conclusion is ?\[(Right|Wrong)\]\s*$")


def score(row: Record, name: str) -> float:
    """A field that has to be a finite number; raises like the functions of `fields`."""
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is not a number")
    if not math.isfinite(value):
        raise ValueError(f"{name} is not finite")
    return float(value)


def step_text(step: Record) -> str:
    """A step as one text: its objective, if it has one, on a line before its action."""
    objective, action = text(step, "step_objective"), text(step, "action")
    return f"{objective}\n{action}" if objective else action


def steps_to(node: Record) -> list[str]:
    """The steps from the root to a node."""
    return [step_text(step) for step in listed(node["state"], "steps")]


def checked_label(value: float, reflection: str) -> bool | None:
    """The verdict in a reflection; `None` where there is none, or the sign of the value says something else."""
    opening, closing = _OPENING.match(reflection), _CLOSING.search(reflection)
    if opening is None and closing is None:
        return None
    right = (
        opening[1].lower() == "true" if opening is not None else closing is not None and closing[1] == "Right"
    )
    return right if (value > 0 if right else value < 0) else None


def check_of(tool: object, reflection: str | None) -> StepCheck | None:
    """How a step was checked; the verdict that a reflection begins with is no part of the reason."""
    said = tool_text(tool)
    reason = _OPENING.sub("", reflection, count=1).strip() if reflection else None
    return StepCheck(said, reason or None) if said or reason else None


def tool_text(said: object) -> str | None:
    """What a tool was asked and said, as text; the released data has a text or an object with `Input`."""
    if isinstance(said, Mapping):
        results = [said[name] for name in ("Result", "final_answer") if said.get(name)]
        shown = [", ".join(map(str, each)) if isinstance(each, list) else str(each) for each in results]
        asked = said.get("Input") or ""
        parts = [f"expression: {asked}" if asked else "", *(f"result: {each}" for each in shown[:1])]
        said = "\n".join(filter(None, parts))
    return (said.strip() or None) if isinstance(said, str) else None


def solution_along(
    root: Record, path: Sequence[Record], question_id: str | None, correct: bool | None = None
) -> LabelledSolution:
    """The solution on a path of nodes, root left out.

    Raises:
        KeyError, TypeError, ValueError: If a field is missing or of another kind, or a node does not go on from
            the one before it.
    """
    state = root["state"]
    steps: list[str] = []
    hard: list[bool | None] = []
    soft: list[float | None] = []
    checks: list[StepCheck | None] = []
    for node in path:
        longer = steps_to(node)
        if longer[:-1] != steps or len(longer) != len(steps) + 1:
            raise ValueError("a node does not go on from the steps of the one above it")
        steps = longer
        value, reflection = score(node, "value"), optional_text(node, "reflection")
        unjudged = right_or_wrong(node.get("hard_label"))
        hard.append(unjudged if reflection is None else checked_label(value, reflection))
        soft.append(_estimate(node))
        said = listed(node["state"], "wa_history") if node["state"].get("wa_history") else []
        checks.append(check_of(said[-1] if len(said) == len(steps) else None, reflection))
    conditions = [str(each) for each in state.get("conditions") or ()]
    return labelled(
        "\n".join([*conditions, text(state, "global_objective")]),
        steps,
        hard,
        soft,
        answer=optional_text(root, "ground_truth"),
        question_id=question_id,
        correct=correct,
        checks=checks,
    )


def _estimate(node: Record) -> float | None:
    """The estimate in a node of this package's; older ones have counts alone."""
    if "estimate" in node:
        return share(node["estimate"])
    return share(score(node, "n_correct") / score(node, "n_rollouts")) if node.get("n_rollouts") else None


def node_record(artifacts: Artifacts, node: Node, ends: frozenset[str]) -> dict[str, Any]:
    """A node of a run's tree, as far as the run knows what such a node holds.

    The value is the mean final score of rollouts from it, 2 V - 1, with V its `estimate`, which is of the kind that
    `estimator` says; 0 where there is none. Nothing judged its step, so there is no reflection and no tool's answer.

    Args:
        artifacts: The question's search.
        node: The node.
        ends: The texts that are whole solutions.
    """
    steps = [{"step_objective": "", "action": each.step} for each in artifacts.path(node.id)]
    known = state_value(node)
    record = {
        "id": str(node.id),
        "value": 0.0 if known is None else 2 * known.value - 1,
        "estimate": None if known is None else known.value,
        "estimator": "none" if known is None else known.source,
        "visits": node.visits,
        "state": {
            "global_objective": artifacts.question.problem,
            "conditions": [],
            "steps": steps,
            "step_objective": "",
            "step_ans": node.step,
        },
        "terminate_node": artifacts.prefix(node.id) in ends,
        "n_rollouts": node.n_rollouts,
        "n_correct": node.n_correct,
        "hard_label": node.hard,
    }
    if node.parent is None and artifacts.question.answer is not None:
        record["ground_truth"] = artifacts.question.answer
    return record


def full_texts(artifacts: Artifacts) -> frozenset[str]:
    """The texts of whole solutions: each rollout with the prefix it was launched from."""
    return frozenset(artifacts.prefix(rollout.node) + rollout.text for rollout in artifacts.rollouts)
