"""The answer verifier on published questions and solutions."""

from __future__ import annotations

from pathlib import Path

import pytest

from omega_fast.records import FinishReason, Verdict
from omega_fast.tasks.base import Fault
from omega_fast.tasks.read import read_questions
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.sandbox import Limits, Sandbox

pytestmark = pytest.mark.data


def refuse(fault: Fault) -> None:
    pytest.fail(f"{fault.path}:{fault.line}: {fault.reason}")


def test_verdicts_on_gsm8k_model_solutions_agree_with_the_published_flags(
    verifier: AnswerVerifier, data_folder: Path
) -> None:
    path = data_folder / "gsm8k" / "example_model_solutions.jsonl"
    judged = [
        (solution.correct, verifier.judge(question, solution.text, FinishReason.STOP).verdict)
        for question in read_questions(path, quarantine=refuse)
        for solution in question.solutions
    ]
    assert len(judged) == 5276
    assert [verdict is Verdict.CORRECT for _, verdict in judged] == [correct for correct, _ in judged]
    assert {verdict for _, verdict in judged} == {Verdict.CORRECT, Verdict.WRONG, Verdict.NO_ANSWER}


def test_math500_answers_equal_themselves_in_a_box(verifier: AnswerVerifier, data_folder: Path) -> None:
    questions = list(read_questions(data_folder / "math500" / "test500.jsonl", quarantine=refuse))
    solutions = [f"Therefore $\\boxed{{{question.answer}}}$." for question in questions]
    judged = [
        verifier.judge(question, solution, FinishReason.STOP).verdict
        for question, solution in zip(questions, solutions, strict=True)
    ]
    assert judged == [Verdict.CORRECT] * 500


def test_math500_answers_equal_themselves_in_the_sandbox(data_folder: Path) -> None:
    questions = list(read_questions(data_folder / "math500" / "test500.jsonl", quarantine=refuse))
    sandbox = Sandbox("omega_fast.verifiers.algebra:check", Limits(deadline_s=20.0))
    judged = [sandbox.ask({"gold": q.answer, "answer": q.answer}).verdict for q in questions]
    sandbox.close()
    assert judged == [Verdict.CORRECT] * 500


def test_math500_reference_solutions_are_judged_correct(verifier: AnswerVerifier, data_folder: Path) -> None:
    questions = list(read_questions(data_folder / "math500" / "test500.jsonl", quarantine=refuse))
    judged = [verifier.judge(q, q.meta["solution"], FinishReason.STOP).verdict for q in questions]
    assert judged.count(Verdict.CORRECT) == 500
