"""P10 and P8: responses a second through the pump, and through replay: texts of 1 KB, an engine that costs nothing.

    python benches/python/bench_pump.py [QUESTIONS]

The engine answers at once from texts made beforehand, 256 at a time; half are right. Measured in one process, one
after another: core, pump and durable log; the same without the log; the same without the core, which is the engine
and the log alone; then the replay of the run, some times, of which the best counts. Each is given with and without 256
token ids a response.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omega_fast.backends.base import Prompt
from omega_fast.config import AnnotateConfig
from omega_fast.dispatch import PumpSettings
from omega_fast.engine import Log, Pump
from omega_fast.jobs.annotate import open_run
from omega_fast.journal import DrawKey, rollout_body, verdict_body
from omega_fast.records import FinishReason, Generation, GenerationRequest, Judgement, Question, Verdict
from omega_fast.search.book import QuestionBook
from omega_fast.search.recorded import RecordedResponses
from omega_fast.store import RunDirectory
from omega_fast.store.log_thread import LogThread

SLOTS = 256
BYTES = 1024
TOKENS = 256
P10_BAR = 10_000
P8_BAR = 100_000
REPLAYS = 5


class NullEngine:
    """Answers everything at the next poll, with one of a few texts of 1 KB in eight steps."""

    def __init__(self, *, with_ids: bool) -> None:
        self.slots = SLOTS
        self._texts = [
            "\n".join(f"step {number} {at} ".ljust(BYTES // 8 - 1, "x") for at in range(8)) + "\n"
            for number in range(64)
        ]
        self._ids = list(range(TOKENS)) if with_ids else []
        self._ends = [(at + 1) * BYTES // TOKENS for at in range(TOKENS)] if with_ids else []
        self._waiting: list[GenerationRequest] = []

    def fingerprint(self) -> Mapping[str, Any]:
        return {"backend": "bench"}

    def prompt(self, question: Question) -> Prompt:
        return Prompt(question.problem, (1,))

    def submit(self, requests: Sequence[GenerationRequest]) -> None:
        self._waiting.extend(requests)

    def cancel(self, ids: Collection[int]) -> None:
        gone = set(ids)
        self._waiting = [request for request in self._waiting if request.id not in gone]

    def poll(self, timeout: float) -> list[Generation]:
        now, self._waiting = self._waiting[:SLOTS], self._waiting[SLOTS:]
        return [
            Generation(
                request.id,
                self._texts[request.seed % 64],
                self._ids,
                self._ends,
                TOKENS + 1,
                100,
                FinishReason.STOP,
            )
            for request in now
        ]

    def close(self) -> None: ...


class NullVerifier:
    """Half of the draws are right, by their text."""

    version = "bench"

    def __init__(self) -> None:
        self._done: list[tuple[int, Judgement]] = []

    def submit(
        self, job_id: int, question: Question, solution: str, finish: FinishReason, draw: int | None = None
    ) -> None:
        right = ord(solution[-BYTES + 5]) % 2 == 0
        self._done.append((job_id, Judgement(Verdict.CORRECT if right else Verdict.WRONG, "7")))

    def lost(self, question: Question, draw: int) -> None: ...

    def poll(self, timeout: float) -> list[tuple[int, Judgement]]:
        done, self._done = self._done, []
        return done

    def close(self) -> None: ...


class NoLog:
    """Keeps nothing."""

    def append(self, kind: str, body: Mapping[str, Any]) -> None: ...

    def tick(self) -> None: ...


def settings(folder: Path) -> AnnotateConfig:
    # The search that thinks least between draws: what is measured is the machinery around it.
    return AnnotateConfig(
        question_file="given", output_dir=folder, separator="\n", slots=SLOTS, locate="binary"
    )


def book_of(config: AnnotateConfig, questions: int, lines: list[bytes]) -> QuestionBook:
    book = QuestionBook(config.core_config(), lambda number, line: lines.append(line))
    book.scheduler.set_max_open(4 * SLOTS)
    for number in range(questions):
        book.add(Question(f"q{number}", "a problem", "7"), [])
    return book


def pumped(
    config: AnnotateConfig, questions: int, log: Log, *, with_ids: bool
) -> tuple[float, int, list[bytes]]:
    """Seconds, responses and artifacts of a whole run."""
    lines: list[bytes] = []
    book = book_of(config, questions, lines)
    pump = Pump(
        book,
        RecordedResponses(book, "bench"),
        NullEngine(with_ids=with_ids),
        NullVerifier(),
        log,
        settings=PumpSettings(speculation=config.early_share),
    )
    started = time.perf_counter()
    pump.run()
    return time.perf_counter() - started, pump.traffic.rollouts, lines


@contextlib.contextmanager
def durable(folder: Path) -> Iterator[LogThread]:
    with open_run(settings(folder)) as run, LogThread(run) as log:
        yield log


def without_core(folder: Path, responses: int, *, with_ids: bool) -> float:
    """Seconds for as many responses from the engine to the log, with nobody deciding anything."""
    engine = NullEngine(with_ids=with_ids)
    judgement = Judgement(Verdict.WRONG, "7")
    question = Question("q", "a problem", "7")
    started = time.perf_counter()
    with durable(folder) as log:
        for start in range(0, responses, SLOTS):
            engine.submit(
                [GenerationRequest(start + at, question, "", (), start + at, 2048) for at in range(SLOTS)]
            )
            for generation in engine.poll(0.0):
                key = DrawKey("q", "0" * 32, generation.id)
                log.append("rollout", rollout_body(key, generation.id, generation))
                log.append("verdict", verdict_body(key, "bench", judgement))
            log.tick()
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Replay:
    """The replay of a run.

    Attributes:
        seconds: By the clock.
        busier: Of processor time, in the busier of its two threads: one reads and checks the log, one decides.
        lines: The artifacts.
    """

    seconds: float
    busier: float
    lines: list[bytes]


def replayed(folder: Path, questions: int) -> Replay:
    """Replays a run."""
    view = RunDirectory.read(folder)
    lines: list[bytes] = []
    book = book_of(settings(folder), questions, lines)
    started, whole, own = time.perf_counter(), time.process_time(), time.thread_time()
    RecordedResponses(book, "bench").feed(view.responses())
    seconds, whole, own = (
        time.perf_counter() - started,
        time.process_time() - whole,
        time.thread_time() - own,
    )
    return Replay(seconds, max(own, whole - own), lines)


def read_alone(folder: Path) -> float:
    """Seconds to read and check a run's log."""
    view = RunDirectory.read(folder)
    started = time.perf_counter()
    for _ in view.responses():
        pass
    return time.perf_counter() - started


def main() -> None:
    questions = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for with_ids in (False, True):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            started = time.perf_counter()
            with durable(folder / "run") as log:
                _, count, lines = pumped(settings(folder / "run"), questions, log, with_ids=with_ids)
            seconds = time.perf_counter() - started  # the last record is on the disk
            no_log, _, _ = pumped(settings(folder / "run"), questions, NoLog(), with_ids=with_ids)
            no_core = without_core(folder / "alone", count, with_ids=with_ids)
            replays = [replayed(folder / "run", questions) for _ in range(REPLAYS)]
            read = min(read_alone(folder / "run") for _ in range(REPLAYS))
        name = f"1 KB, {TOKENS} ids" if with_ids else "1 KB, no ids"
        rate = count / seconds
        print(
            f"{name}: {count} responses; without log {count / no_log:,.0f}/s, without core {count / no_core:,.0f}/s"
        )
        word = "ok" if rate >= P10_BAR else "short"
        print(
            f"P10 figure={rate:.0f} baseline={count / no_log:.0f}(no-log) bar=>={P10_BAR} {word} | responses a second, "
            f"core, pump and durable log, {name}; without core {count / no_core:.0f}"
        )
        same = all(sorted(lines) == sorted(replay.lines) for replay in replays)
        rate = count / min(replay.seconds for replay in replays)
        busier = count / min(replay.busier for replay in replays)
        word = "ok" if rate >= P8_BAR and same else "short"
        print(
            f"P8 figure={rate:.0f} baseline={count / read:.0f}(reading-the-log) bar=>={P8_BAR} {word} | responses "
            f"replayed a second from Python, best of {REPLAYS}, {name}; by processor time of the busier thread "
            f"{busier:.0f}; bytes {'equal' if same else 'not equal'}"
        )


if __name__ == "__main__":
    main()
