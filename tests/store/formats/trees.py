"""A small search tree with something of everything, as the core hands it over.

root -> "a\n\n" (1) -> "b\n\n" (2, right) -> "wrong" (3, first error)
                    -> "b2" (4, a right end)
     -> "skip\n\n" (5, no estimate) -> "deep" (6)
"""

from typing import Any

from omega_fast.store import Artifacts


def node(node_id: int, parent: int | None, depth: int, step: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": node_id,
        "parent": parent,
        "depth": depth,
        "step": step,
        "state": f"{node_id:032x}",
        "n_correct": 0,
        "n_rollouts": 0,
        "n_excluded": 0,
        "stopping_rule": "none",
        "visits": 0,
        "mc": None,
        "hard": None,
        "hard_rule": None,
        "confidence": None,
        **changes,
    }


def counted(right: int, judged: int, rule: str = "fixed") -> dict[str, Any]:
    return {"n_correct": right, "n_rollouts": judged, "mc": right / judged, "stopping_rule": rule}


def rollout(rollout_id: int, start: int, text: str, verdict: str) -> dict[str, Any]:
    launched = {"id": rollout_id, "node": start, "draw": rollout_id, "seed": 100 + rollout_id, "text": text}
    return {**launched, "verdict": verdict, "answer": "4", "n_tokens": 5, "source": "policy"}


def search(index: int, error_node: int | None) -> dict[str, Any]:
    located = {"outcome": "located", "reason": "bisected", "right_node": 2, "error_node": 3, "error_step": 2}
    nothing = {
        "outcome": "not_located",
        "reason": "budget",
        "right_node": None,
        "error_node": None,
        "error_step": None,
    }
    return {
        "index": index,
        "node": 0,
        "rollout": index,
        "probes": [1, 2, 3],
        "posterior": [] if error_node is None else [0.25, 0.0, 0.75],
        **(nothing if error_node is None else located),
    }


def content() -> dict[str, Any]:
    known_right = {"hard": True, "hard_rule": "mc"}
    return {
        "question": {"id": "q-1", "problem": "What is 2+2?\u2028 π", "answer": "4"},
        "gold_source": "given",
        "finish": "budget",
        "counts": {
            "rollouts": 40,
            "tokens": 4000,
            "searches": 3,
            "located": 2,
            "excluded": 1,
            "retokenised": 0,
        },
        "nodes": [
            node(0, None, 0, "", **counted(9, 16), n_excluded=1, visits=2, **known_right),
            node(1, 0, 1, "a\n\n", **counted(4, 8), **known_right),
            node(2, 1, 2, " b\r\n\n", **counted(1, 4, "first_success"), **known_right),
            node(3, 2, 3, "wrong", **counted(0, 8, "first_success"), hard=False, hard_rule="located"),
            node(4, 1, 2, "b2 = 4", hard=True, hard_rule="before_right_prefix"),
            node(5, 0, 1, "skip\n\n"),
            node(6, 5, 2, "deep", **counted(1, 1, "first_success")),
        ],
        "rollouts": [
            rollout(0, 0, "a\n\n b\r\n\nwrong", "wrong"),
            rollout(1, 1, "b2 = 4", "correct"),
            rollout(2, 0, "a\n\nb2 = 4", "correct"),
            rollout(3, 0, "skip\n\ndeep", "correct"),
            rollout(4, 0, "never cut", "correct"),
        ],
        "searches": [search(0, 3), search(1, None), search(2, 3)],
        "epoch": None,
    }


def artifacts() -> Artifacts:
    return Artifacts.from_json(content())
