"""The compiled core as Python sees it: frozen classes, exceptions of this package, no hold on the interpreter."""

from __future__ import annotations

import ast
import inspect
import json
import sys
import threading
from pathlib import Path

import pytest

from omega_fast import _core, errors
from omega_fast._core import Forest, LogLines, Recorded, Request, Response, Scheduler, step_cuts
from omega_fast.store.lines import FIRST_CHAIN, seal

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "bindings" / "python" / "src"
SMALL = json.dumps(
    {
        "num_rollouts": 4,
        "rollout_budget": 12,
        "split": {"by": "separator", "separator": "\n"},
        "max_search_count": 3,
    }
)


def scheduler(questions: int = 1, config: str = SMALL) -> Scheduler:
    made = Scheduler(config)
    for number in range(questions):
        made.add_question(f"q{number}", "a problem")
    return made


def answer(request: Request, **changes: object) -> Response:
    """Half of the draws are right."""
    right = request.draw % 2 == 0
    given = {
        "text": f"one\ntwo {request.draw}\nanswer {'7' if right else '8'}\n",
        "token_ids": [],
        "token_ends": [],
        "n_tokens": 9,
        "verdict": "correct" if right else "wrong",
        "answer": "7" if right else "8",
    }
    return Response.rollout(request, **(given | changes))


def finish(made: Scheduler) -> list[bytes]:
    """Answer everything; the artifacts in the order in which the questions finish."""
    done = []
    while not made.is_done:
        made.handle_responses([answer(request) for request in made.poll_requests(3)])
        done += [
            made.retire(number)[0] for kind, number, _ in made.poll_events() if kind == "search_finished"
        ]
    return done


def log_lines(body: bytes) -> LogLines:
    """A log of one record of a lost draw with this body."""
    line, _ = seal(0, "lost", json.loads(body), FIRST_CHAIN)
    return LogLines(line, FIRST_CHAIN, responses=True)


def instances() -> list[object]:
    made = scheduler()
    (request,) = made.poll_requests(1)
    return [made, request, Response.lost(request), Forest("{}"), LogLines(b"", FIRST_CHAIN), Recorded([], "")]


def test_every_exported_class_is_frozen():
    classes = {each for each in vars(_core).values() if inspect.isclass(each)}
    assert {type(each) for each in instances()} == classes
    for each in instances():
        for name in [name for name in dir(each) if not name.startswith("__")] + ["anything"]:
            with pytest.raises(AttributeError):
                setattr(each, name, 1)
    for each in classes:
        with pytest.raises(TypeError):
            type("Sub", (each,), {})


def test_every_name_of_the_core_is_used_in_the_package():
    used = set()
    for path in (ROOT / "python" / "omega_fast").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "omega_fast._core":
                used |= {each.name for each in node.names}
    assert used == {name for name in vars(_core) if not name.startswith("__")} == set(_core.__all__)


def test_the_binding_stays_thin():
    lines = {path.name: len(path.read_text().splitlines()) for path in SOURCES.glob("*.rs")}
    assert lines["lib.rs"] <= 30
    assert sum(lines.values()) <= 650


def test_every_class_and_function_says_what_it_is():
    for name in _core.__all__:
        assert getattr(_core, name).__doc__
    for each in (Forest, LogLines, Recorded, Request, Response, Scheduler):
        for name, member in vars(each).items():
            assert name.startswith("__") or member.__doc__, f"{each.__name__}.{name}"


MIDPOINT = json.dumps({"split": {"by": "midpoint", "max_tokens": 1}})


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: Scheduler("{"), errors.ConfigError, "configuration: "),
        (lambda: Scheduler('{"num_rolouts": 3}'), errors.ConfigError, "num_rolouts"),
        (lambda: Scheduler('{"num_rollouts": 0}'), errors.ConfigError, "num_rollouts: must be at least 1"),
        (
            lambda: step_cuts('{"split": {"by": "regex", "pattern": "("}}', ""),
            errors.ConfigError,
            "split.pattern",
        ),
        (lambda: step_cuts(MIDPOINT, "é", [1, 2]), errors.InputError, "token ends"),
        (lambda: step_cuts(MIDPOINT, "abc", [1, 99]), errors.InputError, "token ends"),
        (lambda: step_cuts(MIDPOINT, "abc", [2, 1]), errors.InputError, "token ends"),
        (lambda: step_cuts(MIDPOINT, "abc", [-2]), errors.InputError, "token ends"),
        (lambda: scheduler().retire(0), errors.OmegaError, "question 0 is not open"),
        (lambda: scheduler().stop(5), errors.OmegaError, "question 5 is not open"),
        (lambda: log_lines(b"{}"), errors.StoreError, "cannot be read (missing field `question`"),
        (lambda: log_lines(b"[1]"), errors.StoreError, "cannot be read (invalid type"),
        (lambda: log_lines(b'{"question":"q","state":"00","draw":0}'), errors.StoreError, "32 hexadecimal"),
        (
            lambda: scheduler().add_question("q", "p", [("abc", [2], "wrong", None, "")]),
            errors.InputError,
            "do not add up",
        ),
        (
            lambda: scheduler().add_question("q", "p", [("abc", [], "fine", None, "")]),
            errors.InputError,
            '"fine" is no verdict',
        ),
    ],
)
def test_what_the_core_refuses_is_raised_as_an_error_of_this_package(call, error, said):
    with pytest.raises(errors.OmegaError) as told:
        call()
    assert type(told.value) is error
    assert said in str(told.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"token_ids": [1], "token_ends": []},
        {"text": "é", "token_ids": [1], "token_ends": [1]},
        {"text": "ab", "token_ids": [1, 2], "token_ends": [2, 1]},
    ],
)
def test_token_ends_beside_the_text_are_refused_and_the_request_stays_in_flight(changes):
    made = scheduler()
    (request,) = made.poll_requests(1)
    with pytest.raises(errors.InputError, match="token ends"):
        made.handle_responses([answer(request, **changes)])
    assert made.in_flight == 1
    made.handle_responses([answer(request)])
    assert made.in_flight == 0


def test_an_unknown_verdict_and_a_second_answer_are_refused():
    made = scheduler()
    (request,) = made.poll_requests(1)
    with pytest.raises(errors.InputError, match="is no verdict"):
        answer(request, verdict="perhaps")
    made.handle_responses([Response.lost(request)])
    with pytest.raises(errors.OmegaError, match="not in flight"):
        made.handle_responses([Response.lost(request)])


def test_another_thread_works_while_a_call_is_in_the_core():
    made = scheduler(1, json.dumps({"num_rollouts": 40_000, "rollout_budget": 40_000}))
    answers = [answer(request, text="x\n\n" * 40) for request in made.poll_requests(40_000)]
    started = threading.Event()
    steps: list[int] = []
    thread = threading.Thread(target=lambda: started.wait() and steps.extend(range(100)))
    thread.start()
    before = sys.getswitchinterval()
    # With so long an interval the other thread runs only where this one lets go of the interpreter by itself.
    sys.setswitchinterval(60.0)
    try:
        started.set()
        assert not steps
        made.handle_responses(answers)
        progress = len(steps)
    finally:
        sys.setswitchinterval(before)
        thread.join()
    assert progress == 100
