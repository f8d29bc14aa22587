"""A run directory opened together with its questions and what its log has already answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omega_fast.errors import RunConflictError
from omega_fast.journal import judgement_from, key_of, question_from
from omega_fast.records import Judgement, Question, Verdict
from omega_fast.search.book import ArtifactsSink, QuestionBook
from omega_fast.search.recorded import RecordedResponses
from omega_fast.verifiers.base import Verifier

if TYPE_CHECKING:
    from omega_fast._core import Request
    from omega_fast.config import AnnotateConfig
    from omega_fast.store import RunView

__all__ = ["Recall", "recall", "replay_into"]

_RESPONSES = ("rollout", "verdict", "lost")
_UNJUDGED = Judgement(Verdict.UNSUPPORTED)


@dataclass(slots=True)
class Recall:
    """What a log says besides its responses.

    Attributes:
        questions: The questions, in the order they were added.
        version: The verifier version whose verdicts count; `None` in a log without any.
        majorities: Answers that stand in for missing gold, by question id.
        lost: Draws recorded as lost.
        seconds: Time spent in earlier sessions.
    """

    questions: dict[str, Question] = field(default_factory=dict)
    version: str | None = None
    majorities: dict[str, str] = field(default_factory=dict)
    lost: int = 0
    seconds: float = 0.0
    _solutions: dict[tuple[str, int, str], Judgement] = field(default_factory=dict)

    def judgements(self, question: Question, version: str) -> list[Judgement | None]:
        """The verdicts on a question's supplied solutions, in order; `None` where there is none yet."""
        return [self._solutions.get((question.id, index, version)) for index in range(len(question.solutions))]

    def note_solution(self, question: str, index: int, version: str, judgement: Judgement) -> None:
        """Take note of a verdict on a supplied solution."""
        self._solutions[question, index, version] = judgement


def recall(view: RunView) -> Recall:
    """Read everything but the responses. Raises `StoreDamagedError`."""
    found = Recall()
    for record in view.records(
        {"question", "verifier", "majority", "solution_verdict", "lost", "session"}
    ):
        body = record.body
        match record.kind:
            case "question":
                found.questions[body["id"]] = question_from(body)
            case "verifier":
                found.version = body["version"]
            case "majority":
                found.majorities[body["question"]] = body["answer"]
            case "solution_verdict":
                found.note_solution(body["question"], body["index"], body["version"], judgement_from(body))
            case "lost":
                found.lost += 1
            case _:
                found.seconds += body["seconds"]
    return found


def check_version(recalled: Recall, verifier: Verifier) -> None:
    """Refuse to mix verdicts of two verifiers. Raises `RunConflictError`."""
    if recalled.version not in (None, verifier.version):
        raise RunConflictError(
            f"this run was judged by another verifier\n  run has {recalled.version}\n  "
            f"this is  {verifier.version}",
            hint="judge the run again with `omega reverify`, or use the verifier it had",
        )


def replay_into(
    config: AnnotateConfig,
    view: RunView,
    recalled: Recall,
    sink: ArtifactsSink,
    *,
    verifier: Verifier | None = None,
    questions: Iterable[Question] | None = None,
    majorities: Mapping[str, str] | None = None,
) -> tuple[QuestionBook, RecordedResponses]:
    """Decide again all that the log's responses decide.

    Args:
        config: The configuration of the search.
        view: The run.
        recalled: What `recall` found in it.
        sink: Gets the artifacts of the questions that finish.
        verifier: Told of lost root rollouts; needed only if the run is to go on.
        questions: The questions to search; those of the log by default.
        majorities: Answers that stand in for missing gold; those of the log by default.
    """
    version = recalled.version or ""
    known = recalled.majorities if majorities is None else majorities
    book = QuestionBook(config.core_config(), sink, known.get)
    if config.max_open is not None or config.slots:
        book.scheduler.set_max_open(config.max_open or 4 * config.slots)
    for question in recalled.questions.values() if questions is None else questions:
        judged = recalled.judgements(question, version)
        book.add(question, [judgement or _UNJUDGED for judgement in judged])

    def note_lost(request: Request) -> None:
        if verifier is not None and request.at_root:
            verifier.lost(book.question(request), request.draw)

    recorded = RecordedResponses(book, version, note_lost)
    recorded.feed(
        (record.kind, dict(record.body))
        for record in view.records(_RESPONSES)
        if key_of(record.body).question in book
    )
    return book, recorded
