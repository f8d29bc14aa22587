"""Checks never hold the engine: it is given all that can be asked for, however long verdicts take."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from omega_fast.records import Judgement
from omega_fast.verifiers.answer import AnswerVerifier
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, records

SLOTS = 4
QUEUE = 2 * SLOTS
OPEN = 16
ROOT_DRAWS = 4


class Watched(FakeEngine):
    """Notes how many requests it holds whenever it is to work, and how many it was given by then."""

    def __init__(self) -> None:
        super().__init__(Knobs(slots=SLOTS, latency=2, shuffle=1))
        self.polls: list[tuple[int, int]] = []

    def poll(self, timeout: float):
        self.polls.append((self.submitted, len(self._working)))
        return super().poll(timeout)


class LastToSpeak(AnswerVerifier):
    """The slowest verifier there can be: it says nothing as long as anybody has something else to do."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[tuple[int, Judgement]] = []
        self.most_held = 0

    def poll(self, timeout: float) -> list[tuple[int, Judgement]]:
        self._held += super().poll(0.0)
        self.most_held = max(self.most_held, len(self._held))
        if timeout == 0:
            return []
        held, self._held = self._held[::-1], []
        return held


@pytest.fixture
def slowest(monkeypatch):
    verifier = LastToSpeak()
    monkeypatch.setattr(sys.modules["omega_fast.jobs.annotate"], "open_verifier", lambda _: verifier)
    return verifier


def test_the_engines_queue_is_full_until_no_draw_is_left_that_does_not_need_a_verdict(tmp_path, slowest):
    engine = Watched()
    summary = annotated(tmp_path / "run", engine, questions(40), slots=SLOTS, max_open=OPEN)
    assert summary.complete
    before_the_first_verdict = [held for given, held in engine.polls if given < OPEN * ROOT_DRAWS]
    assert before_the_first_verdict
    assert set(before_the_first_verdict) == {QUEUE}
    assert max(given for given, held in engine.polls if held == QUEUE) >= OPEN * ROOT_DRAWS


@pytest.mark.parametrize("count", [40, 120])
def test_what_waits_for_verdicts_is_bounded_by_the_open_questions_and_not_by_the_run(
    tmp_path, slowest, count
):
    annotated(tmp_path / "run", Watched(), questions(count), slots=SLOTS, max_open=OPEN)
    assert ROOT_DRAWS < slowest.most_held <= OPEN * ROOT_DRAWS


def test_labels_do_not_depend_on_when_verdicts_come(tmp_path, slowest, monkeypatch):
    annotated(tmp_path / "late", Watched(), questions(8), slots=SLOTS)
    monkeypatch.undo()
    annotated(tmp_path / "soon", Watched(), questions(8), slots=SLOTS)
    assert artifacts(tmp_path / "late") == artifacts(tmp_path / "soon")


def test_a_session_says_how_long_the_engine_waited_for_verdicts(tmp_path, slowest):
    annotated(tmp_path / "run", Watched(), questions(8), slots=SLOTS)
    assert records(tmp_path / "run", "session")[-1].body["waited_for_verdicts"] > 0


def test_an_engine_that_waits_much_for_verdicts_is_told_of(tmp_path, slowest, monkeypatch):
    assert not annotated(tmp_path / "short", Watched(), questions(8), slots=SLOTS).warnings
    module = sys.modules["omega_fast.jobs.annotate"]
    monkeypatch.setattr(module, "_WAIT_WORTH_TELLING_S", 0.0)
    monkeypatch.setattr(module, "_WAIT_WORTH_TELLING", 0.0)
    summary = annotated(tmp_path / "run", Watched(), questions(8), slots=SLOTS)
    assert any("verifier_workers" in warning for warning in summary.warnings)


def test_answers_that_hang_the_checker_cost_their_own_question_alone(tmp_path, monkeypatch):
    folder = tmp_path / "checkers"
    folder.mkdir()
    (folder / "hanging.py").write_text(
        "import time\n\n\ndef check(problem, answer_gold, solution):\n"
        "    if problem.endswith('(0)'):\n        time.sleep(600)\n"
        "    return f'answer {answer_gold}' in solution\n"
    )
    monkeypatch.syspath_prepend(folder)
    asked = questions(12)
    slow = {"verifier": "hanging:check", "verifier_deadline": 1.0, "verifier_workers": 1}
    annotated(tmp_path / "run", Watched(), asked, slots=SLOTS, **slow)
    log = records(tmp_path / "run", "rollout", "verdict")
    verdicts = {
        (body["question"], body["state"], body["draw"]): body["verdict"]
        for body in (record.body for record in log if record.kind == "verdict")
    }
    by_question = Counter((question, verdict) for (question, _, _), verdict in verdicts.items())
    assert by_question["q0", "timeout"] == ROOT_DRAWS
    assert {question for question, verdict in by_question if verdict == "timeout"} == {"q0"}
    first = next(at for at, each in enumerate(log) if each.body.get("verdict") == "timeout")
    roots_done = sum(record.kind == "rollout" for record in log[:first])
    assert roots_done >= len(asked) * ROOT_DRAWS
