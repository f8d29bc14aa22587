from __future__ import annotations

import threading
from pathlib import Path

import pytest
from asking import collect, question, verdict

from omega_fast.errors import ConfigError
from omega_fast.records import FinishReason, Judgement, Question, ThoughtMarkers, Verdict
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.checker import load_verifier

STOP = FinishReason.STOP


def test_it_is_a_verifier(verifier: AnswerVerifier) -> None:
    assert isinstance(verifier, Verifier)


def test_the_version_names_the_rules_and_the_libraries(verifier: AnswerVerifier) -> None:
    assert verifier.version.startswith("answer-2 math-verify-0.9")
    assert "sympy-" in verifier.version


def test_plain_extraction_is_another_version() -> None:
    with AnswerVerifier() as marked, AnswerVerifier(plain=True) as plain:
        assert marked.version != plain.version


def test_a_right_answer_is_correct_and_told(verifier: AnswerVerifier) -> None:
    assert verifier.judge(question("4"), "2+2=4\n#### 4", STOP) == Judgement(Verdict.CORRECT, "4")


def test_a_wrong_answer_is_wrong_and_told(verifier: AnswerVerifier) -> None:
    assert verifier.judge(question("4"), "A: 5", STOP) == Judgement(Verdict.WRONG, "5")


def test_an_empty_rollout_has_no_answer(verifier: AnswerVerifier) -> None:
    assert verifier.judge(question("4"), "", STOP) == Judgement(Verdict.NO_ANSWER)


def test_a_truncated_rollout_is_truncated_even_with_the_right_answer(verifier: AnswerVerifier) -> None:
    judgement = verifier.judge(question("4"), "#### 4", FinishReason.LENGTH)
    assert judgement.verdict is Verdict.TRUNCATED


def test_a_question_without_gold_is_unsupported(verifier: AnswerVerifier) -> None:
    assert verifier.judge(question(None), "#### 4", STOP) == Judgement(Verdict.UNSUPPORTED, "4")


def test_a_failed_generation_is_refused(verifier: AnswerVerifier) -> None:
    with pytest.raises(ValueError, match="not a solution"):
        verifier.submit(1, question("4"), "", FinishReason.ERROR)


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("x+1", "1+x", Verdict.CORRECT),
        (r"\sin^2 t", r"1-\cos^2 t", Verdict.CORRECT),
        (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}", Verdict.CORRECT),
        ("x^2", "x**2", Verdict.CORRECT),
        ("5", "x = 5", Verdict.CORRECT),
        ("x+1", "x+2", Verdict.WRONG),
        ("3 t", "3", Verdict.WRONG),
        (r"\text{Evelyn}", r"\text{Bob}", Verdict.WRONG),
        ("18", "10+John's age", Verdict.WRONG),
        ("18", r"\frac{", Verdict.NO_ANSWER),
        ("18", r"\left", Verdict.WRONG),
        (r"\foo{", "2x", Verdict.UNSUPPORTED),
    ],
)
def test_algebra_decides_what_spelling_cannot(
    verifier: AnswerVerifier, gold: str, answer: str, expected: Verdict
) -> None:
    assert verdict(verifier, gold, answer) is expected


def test_results_known_at_once_need_no_waiting_and_no_process() -> None:
    with AnswerVerifier() as fresh:
        fresh.submit(7, question("4"), "#### 4", STOP)
        assert fresh.poll(0.0) == [(7, Judgement(Verdict.CORRECT, "4"))]
        assert fresh.worker_pids == []


def test_poll_returns_at_once_when_nothing_is_out(verifier: AnswerVerifier) -> None:
    assert verifier.poll(3600.0) == []


def test_every_job_comes_back_once_when_many_threads_submit() -> None:
    with AnswerVerifier(workers=2) as shared:
        right = {job: job % 3 == 0 for job in range(120)}

        def submit(first: int) -> None:
            for job in range(first, 120, 4):
                answer = f"{job}+x" if right[job] else f"{job}-x"
                shared.submit(job, question(f"x+{job}"), f"\\boxed{{{answer}}}", STOP)

        threads = [threading.Thread(target=submit, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = collect(shared, 120)
        assert {job: judgement.verdict is Verdict.CORRECT for job, judgement in found.items()} == right
        assert shared.poll(0.0) == []


def test_the_same_pair_is_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    (tmp_path / "counting.py").write_text(
        "def check(**_):\n"
        f"    with open({str(log)!r}, 'a') as file:\n"
        "        file.write('x')\n"
        "    return True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with load_verifier("counting:check") as counting:
        for job in range(5):
            counting.submit(job, question("4"), "same", STOP)
        assert len(collect(counting, 5)) == 5
    assert log.read_text() == "x"


def test_closing_twice_is_harmless_and_submitting_afterwards_is_refused() -> None:
    closed = AnswerVerifier()
    closed.close()
    closed.close()
    with pytest.raises(ConfigError, match="closed"):
        closed.submit(1, question("x+1"), r"\boxed{1+x}", STOP)


def test_closing_drops_jobs_in_flight_and_wakes_the_poller() -> None:
    slow = AnswerVerifier(deadline_s=600.0)
    slow.submit(1, question("18"), r"\boxed{1000000000!}", STOP)
    slow.submit(2, question("18"), r"\boxed{1000000001!}", STOP)
    found: list[object] = ["not yet"]
    poller = threading.Thread(target=lambda: found.__setitem__(slice(None), slow.poll(600.0)))
    poller.start()
    slow.close()
    poller.join()
    assert all(judgement.verdict is Verdict.CRASH for _, judgement in found)


@pytest.mark.parametrize("deadline", [0.0, -1.0, float("nan"), float("inf")])
def test_a_deadline_that_cannot_be_kept_is_refused(deadline: float) -> None:
    with pytest.raises(ConfigError, match="deadline"):
        AnswerVerifier(deadline_s=deadline)


def test_no_workers_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one worker"):
        AnswerVerifier(workers=0)


def test_workers_are_added_only_while_all_others_are_busy() -> None:
    with AnswerVerifier(workers=4) as growing:
        for number in range(3):
            pair = f"x+{number}", rf"\boxed{{{number}+x}}"
            assert growing.judge(Question("q", "?", pair[0]), pair[1], STOP).verdict == "correct"
            assert len(growing.worker_pids) == 1
        for number in range(8):
            growing.submit(number, Question("q", "?", f"y+{number}"), rf"\boxed{{{number}+y}}", STOP)
        done: list[int] = []
        while len(done) < 8:
            done += [job for job, _ in growing.poll(1.0)]
        assert sorted(done) == list(range(8))
        assert 1 < len(growing.worker_pids) <= 4


def test_an_answer_in_a_thought_is_not_the_answer() -> None:
    question = Question("q", "?", "3")
    with AnswerVerifier() as verifier:
        assert verifier.judge(question, r"<think>\boxed{3}", STOP).verdict == "no_answer"
        assert verifier.judge(question, r"<think>\boxed{3}</think>\boxed{4}", STOP).verdict == "wrong"
        assert verifier.judge(question, r"<think>\boxed{4}</think>\boxed{3}", STOP).verdict == "correct"
        assert verifier.judge(question, r"\boxed{3}", FinishReason.LENGTH).verdict == "truncated"


def test_other_markers_are_other_rules() -> None:
    channels = ThoughtMarkers("<|analysis|>", "<|final|>")
    with AnswerVerifier() as usual, AnswerVerifier(thought=channels) as other:
        assert usual.version != other.version
        solution = r"<|analysis|>\boxed{3}<|final|>\boxed{4}"
        assert other.judge(Question("q", "?", "4"), solution, STOP).verdict == "correct"
