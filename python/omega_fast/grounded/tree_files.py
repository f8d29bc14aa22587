"""Searches as GroundedPRM's files have them: `mcts_tree/<id>.json` and `training_samples/<id>.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omega_fast.grounded.problem import Problem, Step
from omega_fast.grounded.searching import Found, TreeNode
from omega_fast.verifiers.tools import Finding

__all__ = ["samples_record", "tree_record"]

Path = tuple[TreeNode, ...]
_VERDICTS = {Finding.RIGHT: "[True]", Finding.WRONG: "[False]"}


def tree_record(found: Found) -> dict[str, Any]:
    """The tree from the root down, simulated branches with it."""
    root = _root_record(found)
    root["children"] = [
        _below(found.problem, (node,), f"root.{number}") for number, node in enumerate(found.roots)
    ]
    return root


def samples_record(found: Found) -> dict[str, Any]:
    """Right and wrong paths, root first."""
    record: dict[str, Any] = {"positive": [], "negative": []}
    for number, sample in enumerate(found.samples):
        nodes = [
            _node_record(found.problem, sample.path[: end + 1], f"sample.{number}.{end}")
            for end in range(len(sample.path))
        ]
        branch = "real" if sample.real else "simulation"
        record["positive" if sample.right else "negative"].append(
            {"path": [_root_record(found), *nodes], "branch": branch}
        )
    return record


def _root_record(found: Found) -> dict[str, Any]:
    problem = found.problem
    return {
        "id": "root",
        "value": found.value,
        "visits": found.visits,
        "state": _state(problem, ()),
        "reflection": "",
        "terminate_node": False,
        "ground_truth": problem.answer,
        "children": [],
        "simulation_branch": [],
    }


def _below(problem: Problem, path: Path, name: str) -> dict[str, Any]:
    record = _node_record(problem, path, name)
    node = path[-1]
    record["children"] = [
        _below(problem, (*path, child), f"{name}.{number}") for number, child in enumerate(node.children)
    ]
    record["simulation_branch"] = [
        _node_record(problem, (*path, *node.play[: end + 1]), f"{name}.s{end}")
        for end in range(len(node.play))
    ]
    return record


def _node_record(problem: Problem, path: Path, name: str) -> dict[str, Any]:
    node = path[-1]
    verdict = _VERDICTS.get(node.check.finding, "")
    record: dict[str, Any] = {
        "id": name,
        "value": node.value,
        "visits": node.visits,
        "state": _state(problem, path),
        "reflection": verdict + node.check.reason if verdict else "",
        "terminate_node": node.step.answer is not None,
        "children": [],
        "simulation_branch": [],
        "tool": {"finding": str(node.check.tool.finding), "reason": node.check.tool.reason},
        "judge": None if node.check.judge is None else str(node.check.judge),
        "disagreement": node.check.disagrees,
    }
    if node.check.prm is not None:
        record["prm"] = node.check.prm
    if node.outcome is not None:
        record["outcome"] = node.outcome
    return record


def _state(problem: Problem, path: Path) -> dict[str, Any]:
    steps: Sequence[Step] = [each.step for each in path]
    last = steps[-1] if steps else Step("", "")
    return {
        "global_objective": problem.objective,
        "conditions": list(problem.conditions),
        "steps": [{"step_objective": each.objective, "action": each.action} for each in steps],
        "step_objective": last.objective,
        "step_ans": last.action,
        "query": path[-1].check.query if path else "",
        "wa_history": [_said(each) for each in path],
    }


def _said(node: TreeNode) -> Any:
    """What a tool was asked and computed; empty if none was asked."""
    check = node.check
    if not check.query:
        return ""
    # The last line is what a query is about; a ledger query begins with the whole problem, and ends in the step itself,
    # which a critique need not repeat
    asked = check.query.rpartition("\n")[2]
    return {
        "Input": "" if asked == node.step.action else asked,
        "Result": [check.tool.value or check.tool.reason],
    }
