"""Problems an hour and slots kept busy by tool-verified search, on a model of fixed latency in this process.

Prints claim-g7: the searches share 256 slots; the baseline is 40 workers that make the same calls one after another.
Eight rounds on solutions of six steps, every step with a query and a verdict, no canaries: 124 calls a problem.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from claims_omega_prm import claim
from omega_fast.grounded import opening
from omega_fast.grounded.chat import ChatAnswer, ChatRequest
from omega_fast.grounded.search_job import run_search
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.settings import GroundedSettings

SLOTS = 256
WORKERS = 40
LAST_STEP = 6
ROUNDS = 8
CALLS = 124


class FixedLatency:
    """A model with so many slots that answers after so many seconds; it notes how long its slots were busy."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._slots = asyncio.Semaphore(SLOTS)
        self.answered: list[float] = []

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        async with self._slots:
            await asyncio.sleep(self._seconds)
            self.answered.append(time.monotonic())
        return ChatAnswer(tuple(self._text(request, number) for number in range(request.n)), 500, 100)

    async def close(self) -> None:
        pass

    def _text(self, request: ChatRequest, number: int) -> str:
        system, user = (content for _, content in request.messages)
        done = user.count(" wise\n")
        if system.startswith("You solve"):
            # So many that no two plays meet in a step, and share what follows
            way = (request.seed + number) % 10**9
            last = "7" if done + 1 >= LAST_STEP else None
            action = f"{way} + {done} = {way + done}"
            return json.dumps({"step_objective": f"{done} wise", "action": action, "final_answer": last})
        if system.startswith("You turn"):
            return json.dumps({"query": user.rpartition(" wise\n")[2].partition("\n")[0]})
        return json.dumps({"reason": "it adds up", "verdict": "right"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--latency", type=float, default=2.0)
    asked = parser.parse_args()
    models: list[FixedLatency] = []

    def open_model(_: object) -> FixedLatency:
        # All roles are played by one model, as on one server
        if not models:
            models.append(FixedLatency(asked.latency))
        return models[0]

    opening.open_chat = open_model
    role = {"model": "stub", "base_url": "http://stub/v1", "in_flight": 100_000}
    settings = GroundedSettings.model_validate({"policy": role, "judge": role})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        roots = folder / "root.json"
        roots.write_text(json.dumps([_root(number) for number in range(asked.problems)]))
        started = time.monotonic()
        chosen = SearchSettings(rounds=ROUNDS, depth=9, canary_rate=0.0)
        done = run_search(roots, folder / "out", settings, chosen, in_flight=1000)
        seconds = time.monotonic() - started
    answered = models[0].answered
    calls = len(answered) / done.searched
    span = max(answered) - min(answered) + asked.latency
    hourly = done.searched / seconds * 3600
    baseline = WORKERS * 3600 / (calls * asked.latency)
    what = f"{done.searched} problems, {calls:.1f} calls each, {asked.latency:g} s a call, {SLOTS} slots"
    claim("g7", calls, float(CALLS), "calls a problem")
    claim("g7a", hourly, None, f"problems an hour: {what}")
    claim(
        "g7b",
        hourly / baseline,
        None,
        f"times what {WORKERS} workers would make of these calls ({baseline:.0f} an hour)",
    )
    claim(
        "g7c",
        len(answered) * asked.latency / (SLOTS * span),
        None,
        "share of all slot-time busy, end included",
    )
    begun = [each - asked.latency for each in answered]
    middle = sorted(answered)[len(answered) // 10], sorted(answered)[len(answered) * 7 // 10]
    busy = sum(
        max(0.0, min(end, middle[1]) - max(at, middle[0])) for at, end in zip(begun, answered, strict=True)
    )
    claim(
        "g7d", busy / (SLOTS * (middle[1] - middle[0])), None, "the same between 10 and 70 % of the answers"
    )


def _root(number: int) -> dict[str, object]:
    return {
        "question": f"Question {number}",
        "conditions": [f"number {number}"],
        "global_objective": "find it",
        "level": "Level 5",
        "solution": r"\boxed{8}",
        "path": f"q{number}.json",
    }


if __name__ == "__main__":
    main()
