"""The crossing between Python and the core, 256 requests at a time: `make bench`; among the tests it runs once."""

from __future__ import annotations

from typing import Any

from omega_fast._core import Request, Response, Scheduler
from omega_fast.config import AnnotateConfig

BATCH = 256
TEXT = "\n".join(f"step {number} ".ljust(127, "x") for number in range(8)) + "\n"
IDS, ENDS = list(range(256)), list(range(4, 1028, 4))
ROUNDS = 100


def scheduler() -> Scheduler:
    """64 questions, so that 1,024 draws from their roots are asked for at once."""
    config = AnnotateConfig(question_file="given", separator="\n", num_rollouts=16)
    made = Scheduler(config.core_config())
    made.set_max_open(64)
    for number in range(64):
        made.add_question(f"q{number}", "a problem")
    return made


def response(request: Request, *, with_ids: bool) -> Response:
    return Response.rollout(
        request,
        text=TEXT,
        token_ids=IDS if with_ids else [],
        token_ends=ENDS if with_ids else [],
        n_tokens=256,
        verdict="correct" if request.draw % 2 else "wrong",
        answer="7",
    )


def test_poll_256_requests_of_the_core(benchmark: Any) -> None:
    def fresh() -> tuple[tuple[Scheduler], dict[str, Any]]:
        return (scheduler(),), {}

    polled = benchmark.pedantic(lambda made: made.poll_requests(BATCH), setup=fresh, rounds=ROUNDS)
    assert len(polled) == BATCH


def test_make_256_responses_of_1_kb_with_their_ids(benchmark: Any) -> None:
    requests = scheduler().poll_requests(BATCH)
    made = benchmark(lambda: [response(request, with_ids=True) for request in requests])
    assert len(made) == BATCH


def test_hand_256_responses_of_1_kb_to_the_core(benchmark: Any) -> None:
    def fresh() -> tuple[tuple[Scheduler, list[Response]], dict[str, Any]]:
        made = scheduler()
        return (made, [response(request, with_ids=True) for request in made.poll_requests(BATCH)]), {}

    used: list[Scheduler] = []

    def hand_over(made: Scheduler, responses: list[Response]) -> None:
        made.handle_responses(responses)
        used.append(made)

    benchmark.pedantic(hand_over, setup=fresh, rounds=ROUNDS)
    assert used[-1].in_flight == 0
