"""A run directory opened together with its questions and what its log has already answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omega_fast.errors import RunConflictError
from omega_fast.journal import judgement_from, question_from
from omega_fast.records import FREE, Judgement, Question, Usage, Verdict
from omega_fast.search.book import ArtifactsSink, QuestionBook
from omega_fast.search.epochs import Epochs
from omega_fast.search.recorded import RecordedResponses
from omega_fast.verifiers.base import Verifier
from omega_fast.verifiers.majority import MajorityVerifier

if TYPE_CHECKING:
    from omega_fast.config import AnnotateConfig
    from omega_fast.store import RunView

__all__ = ["Recall", "check_version", "early_counts", "recall", "replay_into"]

QUESTIONS_A_SLOT = 4
"""Questions open at once for each slot of the engine, so that none runs dry while some wait for their turn."""

DRAWS_A_SLOT = 4
"""Draws for each slot that questions ask for together, where only as many are open as the slots need."""

_FEW_DRAWS = 2

_RECALLED = ("question", "verifier", "majority", "solution_verdict", "thought", "lost", "epoch", "session")
_UNJUDGED = Judgement(Verdict.UNSUPPORTED)


@dataclass(slots=True)
class Recall:
    """What a log says besides its responses.

    Attributes:
        questions: The questions, in the order they were added.
        verifier: The verifier whose verdicts count, as a configuration names it; `None` in a log without any.
        version: The verifier version whose verdicts count; `None` in a log without any.
        verifications: How often the whole run was judged; from 2 on, the last verdict on a rollout counts.
        majorities: Answers that stand in for missing gold, by question id; `None` where nobody voted.
        opens_thought: The prompts leave a thought open, as was seen when the run began.
        lost: Draws recorded as lost.
        epochs: Rates learnt in earlier sessions, as they were recorded.
        paid_twice: Answers lost on their way in earlier sessions, whose work was asked for again.
        early: Draws of earlier sessions that were made before a decision asked for them; see `early_counts`.
        seconds: Time spent in earlier sessions.
        written_off: What earlier sessions may have paid for and never saw, at most.
        stopped_by: The budget of the whole run that ended the last session.
    """

    questions: dict[str, Question] = field(default_factory=dict)
    verifier: str | None = None
    version: str | None = None
    verifications: int = 0
    majorities: dict[str, str | None] = field(default_factory=dict)
    opens_thought: bool = False
    lost: int = 0
    epochs: list[Mapping[str, Any]] = field(default_factory=list)
    paid_twice: int = 0
    early: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    written_off: Usage = FREE
    stopped_by: str = ""
    _solutions: dict[tuple[str, int, str], Judgement] = field(default_factory=dict)

    def judgements(self, question: Question, version: str) -> list[Judgement | None]:
        """The verdicts on a question's supplied solutions, in order; `None` where there is none yet."""
        return [
            self._solutions.get((question.id, index, version)) for index in range(len(question.solutions))
        ]

    def awaits_judgement(self, question: Question, config: AnnotateConfig) -> bool:
        """Whether the verifier has yet to judge supplied solutions that matter and that it can judge."""
        if config.solutions == "ignore" or None not in self.judgements(question, self.version or ""):
            return False
        if question.answer is None and config.gold != "majority":
            return False
        return question.answer is not None or self.majorities.get(question.id, "") is not None

    def opening(self, config: AnnotateConfig) -> str:
        """What stands before every solution of the policy: the marker of a thought that the prompts leave open."""
        opened = self.opens_thought if config.thought_opened is None else config.thought_opened
        return config.thought_open if opened else ""

    def note_solution(self, question: str, index: int, version: str, judgement: Judgement) -> None:
        """Take note of a verdict on a supplied solution."""
        self._solutions[question, index, version] = judgement


def recall(view: RunView) -> Recall:
    """Read everything but the responses. Raises `StoreDamagedError`."""
    found = Recall()
    for record in view.records(_RECALLED):
        body = record.body
        match record.kind:
            case "question":
                found.questions[body["id"]] = question_from(body)
            case "verifier":
                found.verifier, found.version = body["name"], body["version"]
                found.verifications += 1
            case "majority":
                found.majorities[body["question"]] = body["answer"]
            case "solution_verdict":
                found.note_solution(body["question"], body["index"], body["version"], judgement_from(body))
            case "thought":
                found.opens_thought = True
            case "lost":
                found.lost += 1
            case "epoch":
                found.epochs.append(body)
            case _:
                found.seconds += body["seconds"]
                found.paid_twice += body.get("engine", {}).get("paid_twice", 0)
                found.early.update(early_counts(body))
                found.written_off += Usage(*body.get("written_off", ()))
                found.stopped_by = body.get("stopped_by", "")
    return found


def early_counts(traffic: Mapping[str, Any]) -> dict[str, int]:
    """What became of a session's draws that were made before a decision asked for them: used, unused, cancelled."""
    names = {"used": "speculative_used", "unused": "speculative_unused", "cancelled": "cancelled"}
    return {short: traffic.get(name, 0) for short, name in names.items()}


def check_version(recalled: Recall, verifier: Verifier) -> None:
    """Refuse to mix verdicts of two verifiers. Raises `RunConflictError`."""
    if recalled.version not in (None, verifier.version):
        raise RunConflictError(
            f"this run was judged by another verifier\n  run has {recalled.version}\n  "
            f"this is  {verifier.version}",
            hint="judge the run again with `omega reverify`, or use the verifier it had",
        )


def replay_into(
    view: RunView,
    recalled: Recall,
    *,
    config: AnnotateConfig,
    questions: Iterable[Question],
    sink: ArtifactsSink,
    verifier: Verifier | None = None,
) -> tuple[QuestionBook, RecordedResponses]:
    """Decide again all that the log's responses decide.

    Args:
        view: The run.
        recalled: What `recall` found in it.
        config: The search, and how many questions may be open.
        questions: The questions to search, in order; those whose solutions await judgement are left out.
        sink: Gets the artifacts of the questions that finish.
        verifier: The one that goes on judging; `None` if nothing does.
    """
    version = recalled.version or ""
    majority = verifier.majority if isinstance(verifier, MajorityVerifier) else recalled.majorities.get
    core_config = config.core_config(prompt_opens_thought=recalled.opens_thought)
    epochs = Epochs({"version": version, "budgets": config.budgets()}, recalled.epochs)
    book = QuestionBook(core_config, sink, majority, epochs)
    book.scheduler.set_first_to_finish(config.finishes_first)
    book.scheduler.set_max_open(config.max_open or _open_questions(config))
    for question in questions:
        if recalled.awaits_judgement(question, config):
            continue
        book.add(question, [each or _UNJUDGED for each in recalled.judgements(question, version)])

    def note_lost(question: Question, draw: int) -> None:
        if verifier is not None:
            verifier.lost(question, draw)

    recorded = RecordedResponses(book, version, note_lost)
    if recalled.verifications > 1:
        recorded.note_last_words(view.responses())
    recorded.feed(view.responses())
    return book, recorded


def _open_questions(config: AnnotateConfig) -> int:
    """How many questions keep the slots busy: any number where all go on together, few where the first shall finish."""
    if not config.finishes_first:
        return QUESTIONS_A_SLOT * config.slots
    at_once = _FEW_DRAWS if config.locate in ("bayes", "sequential") else config.num_rollouts
    return max(1, DRAWS_A_SLOT * config.slots // at_once)
