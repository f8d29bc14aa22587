"""A model that plays all roles on a two-step sum, errs by seed, and is judged by its own marks in the prompts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["play_roles", "steps_in", "write_roots_file"]

_STEPS = re.compile(r"<<<STEPS (\w+)\n(.*)\nSTEPS \1>>>", re.DOTALL)
_ACTION = re.compile(r"^-?\d+ [+*] \d+ = \d+$", re.MULTILINE)


def write_roots_file(path: Path, count: int, *, level: int = 5) -> Path:
    """Problems (a + 3) * 4 with their answers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "question": f"Add 3 to {number}, and multiply by 4.",
            "conditions": [f"the number is {number}"],
            "global_objective": "add 3, then multiply by 4",
            "level": f"Level {level}",
            "solution": rf"\boxed{{{(number + 3) * 4}}}",
            "path": f"sum_{number}.json",
        }
        for number in range(count)
    ]
    path.write_text(json.dumps(rows))
    return path


def steps_in(body: Mapping[str, Any]) -> list[str]:
    """The actions of the steps that a prompt shows."""
    found = _STEPS.search(body["messages"][1]["content"])
    assert found is not None
    return _ACTION.findall(found[2])


def play_roles(body: Mapping[str, Any], seed_of_answer: int | None = None) -> str:
    """What the model of whichever role was asked says, a right form always."""
    system, user = (message["content"] for message in body["messages"][:2])
    seed = body["seed"] if seed_of_answer is None else seed_of_answer
    steps = steps_in(body)
    if system.startswith("You solve"):
        return json.dumps(_next_step(int(re.search(r"number is (\d+)", user)[1]), steps, seed))  # type: ignore[index]
    if system.startswith("You turn"):
        return json.dumps({"query": steps[-1]})
    left, right = steps[-1].split(" = ")
    first, sign, second = left.split()
    value = int(first) + int(second) if sign == "+" else int(first) * int(second)
    verdict = "right" if value == int(right) else "wrong"
    return json.dumps({"reason": f"{left} is {value}", "verdict": verdict})


def _next_step(number: int, steps: list[str], seed: int) -> dict[str, Any]:
    slip = seed % 3 == 0
    if not steps:
        return {
            "step_objective": f"add, way {seed % 4}",
            "action": f"{number} + 3 = {number + 3 + slip}",
            "final_answer": None,
        }
    value = int(steps[-1].split(" = ")[1])
    if len(steps) < 3:
        made = value + slip
        return {
            "step_objective": f"wait, way {seed % 4}",
            "action": f"{value} + 0 = {made}",
            "final_answer": None,
        }
    made = value * 4 + slip
    return {
        "step_objective": f"multiply, way {seed % 4}",
        "action": f"{value} * 4 = {made}",
        "final_answer": str(made),
    }
