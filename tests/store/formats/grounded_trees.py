"""A GroundedPRM search tree as its pipeline writes it, with the faults it has: expanded nodes that nobody judged."""

from typing import Any

OBJECTIVE = "Find c"
CONDITIONS = ["f(x) = x^2 + c", "f(1) = 3"]


def state(*steps: tuple[str, str], answers: list[Any] | None = None) -> dict[str, Any]:
    objective, action = steps[-1] if steps else ("", "")
    return {
        "global_objective": OBJECTIVE,
        "conditions": CONDITIONS,
        "steps": [{"step_objective": said, "action": done} for said, done in steps],
        "step_objective": objective,
        "step_ans": action,
        "result": "",
        "query": "",
        "wa_history": answers or [],
    }


def node(
    name: str, value: float, content: dict[str, Any], reflection: str = "", **more: Any
) -> dict[str, Any]:
    return {
        "id": name,
        "value": value,
        "visits": 0,
        "state": content,
        "reflection": reflection,
        "terminate_node": False,
        "edge": 0,
        "on_final_route": False,
        "is_virtual": False,
        "children": [],
        "simulation_branch": [],
        **more,
    }


A, B, C, D = ("put in 1", "1 + c = 3"), ("solve", "c = 2 <end>"), ("solve", "c = 4 <end>"), ("guess", "c = 9")
ASKED = {"Input": "Solve[1+c==3]", "Result": ["c = 2", "exact"]}


def tree() -> dict[str, Any]:
    right = node("s2", 1.0, state(A, B, answers=["x", ASKED]), "[True]<think>\nhm\n</think>\nit is so.")
    doubted = node("s3", 1.0, state(A, C, answers=["x", "y"]), "[False]no")
    judged = node("e1", 1.9, state(A, answers=["WA says so"]), "[['True']] fine", simulation_branch=[right])
    other = node("e2", -0.5, state(D), children=[])
    again = node("e3", 0.4, state(A), "[True] ok", children=[doubted])
    return node("root", 2.0, state(), children=[judged, other, again])
