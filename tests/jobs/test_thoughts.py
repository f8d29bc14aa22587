"""Runs of a reasoning model: where its solutions are cut, what counts as its answer, and what replay knows of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest

from omega_fast.backends.base import Prompt
from omega_fast.errors import InputError, RunConflictError
from omega_fast.jobs import annotate, replay, reverify, status
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question, Solution
from omega_fast.store import Artifacts
from tests.engine.fakes import FakeEngine, Knobs, questions, tokens_of
from tests.engine.runs import artifacts, records, settings

CLOSE = "</think>"
_ORDERLY = Knobs()
_THOUGHT_STEPS = 4
_ALL_STEPS = 7


class Thinker(FakeEngine):
    """Thinks for four lines, works for two and answers; what it boxes in its thought is never its answer."""

    def __init__(self, knobs: Knobs = _ORDERLY, *, opened: bool = True, forgets: bool = False) -> None:
        super().__init__(knobs, policy="thinker")
        self._opened = opened
        self._forgets = forgets

    def fingerprint(self) -> Mapping[str, Any]:
        return {"backend": "thinker", "opened": self._opened}

    def prompt(self, question: Question) -> Prompt:
        text = question.problem + ("\n<think>\n" if self._opened else "\n")
        return Prompt(text, tuple(text.encode()))

    def _generation(self, request: GenerationRequest) -> Generation:
        text = self._text(request.question, request.prefix, request.seed)
        ids, ends = tokens_of(text)
        return Generation(request.id, text, ids, ends, len(ids) + 1, 1, FinishReason.STOP)

    def _text(self, question: Question, prefix: str, seed: int) -> str:
        draw = random.Random(f"{question.id}|{prefix}|{seed}")
        text = "" if prefix or self._opened else "<think>\n"
        if prefix.endswith(CLOSE):
            text = "\n"
        done = (prefix + text).removeprefix("<think>\n").count("\n")
        bad = "bad" in prefix
        for step in range(done + 1, _ALL_STEPS):
            slip = draw.random() < 0.15
            bad = bad or slip
            if step == _THOUGHT_STEPS and self._forgets and draw.random() < 0.5:
                return text + r"so \boxed{" + question.answer + "}"
            end = CLOSE if step == _THOUGHT_STEPS else ""
            guess = r" \boxed{999}" if step < _THOUGHT_STEPS else ""
            text += f"s{step} π {'bad' if slip else 'ok'}{guess}{end}\n"
        right = not bad or draw.random() < 0.1
        return text + f"answer {int(question.answer) + (0 if right else 1)}\n"


def annotated(run: Path, engine: Thinker, stop: Event | None = None, **changes: Any):
    return annotate(settings(run, **changes), questions=questions(4), backend=engine, stop=stop)


def trees(run: Path) -> list[Artifacts]:
    return [Artifacts.from_json(line) for line in artifacts(run).splitlines()]


def prefixes(run: Path) -> list[str]:
    """The prefix of every state that was drawn from or labelled, the root's left out."""
    return [tree.prefix(node.id) for tree in trees(run) for node in tree.nodes if node.parent is not None]


def is_in_thought(prefix: str) -> bool:
    return CLOSE not in prefix


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("split", ["inside", "after", "both"])
def test_only_the_part_asked_for_is_cut(tmp_path, split, opened):
    summary = annotated(tmp_path / "run", Thinker(opened=opened), split_thought=split)
    assert summary.complete
    assert summary.located
    found = prefixes(tmp_path / "run")
    within_thought = [prefix for prefix in found if is_in_thought(prefix)]
    within_answer = [
        prefix for prefix in found if not is_in_thought(prefix) and "answer" not in prefix.split(CLOSE)[1]
    ]
    after_thought = [prefix for prefix in within_answer if not prefix.split(CLOSE)[1].strip()]
    assert after_thought, "there is always a state right after the thought"
    assert bool(within_thought) == (split in ("inside", "both"))
    assert (len(within_answer) > len(after_thought)) == (split in ("after", "both"))


def test_what_is_boxed_in_a_thought_is_no_answer(tmp_path):
    summary = annotated(tmp_path / "run", Thinker(), split_thought="both")
    assert summary.verdicts["correct"] > 0
    given = {rollout.answer for tree in trees(tmp_path / "run") for rollout in tree.rollouts}
    assert "999" not in given


@pytest.mark.parametrize("opened", [True, False])
def test_a_solution_that_ends_inside_its_thought_has_no_answer(tmp_path, opened):
    annotated(tmp_path / "run", Thinker(opened=opened, forgets=True), split_thought="both")
    forgotten = [
        (tree, rollout)
        for tree in trees(tmp_path / "run")
        for rollout in tree.rollouts
        if rollout.text.endswith("}")
    ]
    assert forgotten
    assert all(CLOSE not in tree.prefix(rollout.node) for tree, rollout in forgotten)
    assert {rollout.verdict for _, rollout in forgotten} == {"no_answer"}


def test_a_replay_knows_without_an_engine_that_the_prompt_had_opened_the_thought(tmp_path):
    run = tmp_path / "run"
    annotated(run, Thinker(forgets=True), split_thought="after")
    before = artifacts(run)
    assert len(records(run, "thought")) == 1
    replay(run)
    assert artifacts(run) == before


def test_a_prompt_that_opens_no_thought_leaves_no_record(tmp_path):
    annotated(tmp_path / "run", Thinker(opened=False))
    assert not records(tmp_path / "run", "thought")


@pytest.mark.parametrize("at", [1, 20, 60])
def test_a_stopped_run_goes_on_inside_the_thought(tmp_path, at):
    changes = {"split_thought": "inside"}
    annotated(tmp_path / "whole", Thinker(), **changes)
    stop = Event()
    knobs = Knobs(on_submit=lambda count, _: count < at or stop.set())
    annotated(tmp_path / "run", Thinker(knobs), stop=stop, **changes)
    annotated(tmp_path / "run", Thinker(), **changes)
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")
    assert len(records(tmp_path / "run", "thought")) == 1


def test_a_setting_can_say_what_the_prompt_does_not_show(tmp_path):
    opened = {"split_thought": "after", "thought_opened": True}
    annotated(tmp_path / "told", Thinker(forgets=True), **opened)
    annotated(tmp_path / "seen", Thinker(forgets=True), split_thought="after")
    assert artifacts(tmp_path / "told") == artifacts(tmp_path / "seen")
    assert not records(tmp_path / "told", "thought")
    annotated(tmp_path / "denied", Thinker(forgets=True), split_thought="after", thought_opened=False)
    assert artifacts(tmp_path / "denied") != artifacts(tmp_path / "seen")


def test_every_verifier_is_shown_the_marker_that_the_prompt_had_put(tmp_path, checker):
    run = tmp_path / "run"
    whole = checker("whole", "return solution.startswith('<think>') and f'answer {answer_gold}' in solution")
    summary = annotated(run, Thinker(forgets=True), split_thought="both", verifier=whole)
    assert summary.verdicts["correct"] > 0
    reverify(run, verifier="answer")
    forgotten = [rollout for tree in trees(run) for rollout in tree.rollouts if rollout.text.endswith("}")]
    assert {rollout.verdict for rollout in forgotten} == {"no_answer"}
    reverify(run, verifier=whole)
    assert status(run).verdicts["correct"] == summary.verdicts["correct"]


def test_a_run_from_before_there_were_thoughts_goes_on_and_has_not_split_them(tmp_path):
    run = tmp_path / "run"
    stop = Event()
    annotated(run, Thinker(Knobs(on_submit=lambda count, _: count < 30 or stop.set())), stop=stop)
    manifest = orjson.loads((run / "manifest.json").read_bytes())
    identity = manifest["configuration"]["identity"]
    for name in [name for name in identity if "thought" in name or name == "chat_options"]:
        del identity[name]
    (run / "manifest.json").write_bytes(orjson.dumps(manifest))
    with pytest.raises(RunConflictError, match='split_thought: run has "none", you asked for "both"'):
        annotated(run, Thinker(), split_thought="both")
    assert annotated(run, Thinker()).complete
    annotated(tmp_path / "whole", Thinker())
    assert artifacts(run) == artifacts(tmp_path / "whole")


def test_solutions_that_came_with_the_question_are_not_taken_for_thoughts(tmp_path):
    texts = ["s1 ok\ns2 bad\ns3 ok\nanswer 5\n", "<think>\ns1 ok\ns2 ok\n</think>\ns3 bad\nanswer 6\n"]
    supplied = [
        replace(question, solutions=tuple(Solution(text, source="people") for text in texts))
        for question in questions(2)
    ]
    config = settings(tmp_path / "run", split_thought="after", locate="every_step", rollout_budget=200)
    annotate(config, questions=supplied, backend=Thinker())
    for tree in trees(tmp_path / "run"):
        steps = [node.step for node in tree.nodes if node.parent == 0]
        assert steps == ["s1 ok\n", "<think>\ns1 ok\ns2 ok\n</think>\n"]


def test_a_policy_that_can_take_none_of_the_questions_stops_the_run_with_the_reason(tmp_path):
    class Choosy(Thinker):
        def prompt(self, question: Question) -> Prompt:
            raise InputError("the chat template takes no system message", hint="drop it")

    with pytest.raises(InputError, match="none of the questions: the chat template takes no system"):
        annotated(tmp_path / "run", Choosy())
    assert annotated(tmp_path / "run", Thinker()).complete
