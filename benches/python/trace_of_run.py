"""A recorded run as the work it gave an engine: prompt ids and generated ids of every draw, by its seed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from omega_fast.backends.transformers import open_transformers
from omega_fast.config import PRESETS, AnnotateConfig
from omega_fast.jobs import annotate
from omega_fast.jobs.opening import open_questions
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import FinishReason, Question, Sampling
from omega_fast.store import RunDirectory
from omega_fast.summary import Progress

LEDGER_PROMPT = {"style": "plain", "text": "{problem}\n"}
SAMPLING = Sampling(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=128)


@dataclass(frozen=True, slots=True)
class Traced:
    """One draw: what was continued, and all ids that came, the end included."""

    seed: int
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    finish: FinishReason


@dataclass(frozen=True, slots=True)
class Trace:
    """Every draw of a run."""

    config: AnnotateConfig
    questions: Sequence[Question]
    draws: Sequence[Traced]
    artifacts: bytes
    by_seed: dict[int, Traced] = field(default_factory=dict)

    @property
    def n_tokens(self) -> int:
        return sum(len(draw.token_ids) for draw in self.draws)

    def depth_first(self) -> list[Traced]:
        """The draws with common prefixes adjacent."""
        return sorted(self.draws, key=lambda draw: draw.prompt_ids)


def run_config(slots: int, **search: Any) -> AnnotateConfig:
    """A run on the embedded task; `output_dir` is to be replaced."""
    given = {"question_file": "ledger", "slots": slots, "output_dir": Path("none"), **search}
    return AnnotateConfig(**{**PRESETS["ledger"], **given})


def record(config: AnnotateConfig) -> Trace:
    """Run once on the embedded policy and keep all that the engine was asked and gave."""
    options = {"model": str(ASSETS), "slots": config.slots, "threads": 1, "prompt": LEDGER_PROMPT}
    backend = open_transformers(options, SAMPLING)
    (eos,) = backend._maker.eos_ids
    questions = list(open_questions(config, lambda _: None))
    prompts: dict[int, tuple[int, ...]] = {}
    make_row = backend._row

    def keep_row(request: Any) -> Any:
        row = make_row(request)
        prompts[request.seed] = row.prompt_ids
        return row

    backend._row = keep_row  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        annotate(config.model_copy(update={"output_dir": run}), questions=questions, backend=backend)
        draws = []
        for entry in RunDirectory.read(run).records({"rollout"}):
            body = entry.body
            finish = FinishReason(body["finish"])
            ids = (*body["token_ids"], *([eos] if finish is FinishReason.STOP else []))
            assert len(ids) == body["n_tokens"]
            draws.append(Traced(body["seed"], prompts[body["seed"]], ids, finish))
        artifacts = (run / "artifacts.jsonl").read_bytes()
    backend.close()
    return Trace(config, questions, draws, artifacts, {draw.seed: draw for draw in draws})


@dataclass(frozen=True, slots=True)
class Cost:
    """What a pass over the trace took: wall seconds, and CPU seconds of this process and its children.

    Where they are known, `turns` counts the forwards for a token a row (drain makes more of them, with fewer rows),
    `keys` the keys that their rows attended to, padding included, and `engine_cpu_seconds` is what the engine's own
    calls took of the CPU time. Unlike times by the clock, these say the same on a busy machine.
    """

    seconds: float
    cpu_seconds: float
    whole_seconds: float = 0.0
    full_share: float = 1.0
    turns: int = 0
    keys: int = 0
    engine_cpu_seconds: float = 0.0


def search_once(trace: Trace, backend: Any) -> Cost:
    """Side A: the whole client on the engine, with log and verifier as in any run, to the same artifacts."""
    seen: list[Progress] = []
    cpu_at: list[float] = []
    clock = cpu_clock()  # looking for children again at every note would cost more than the client

    def note(progress: Progress) -> None:
        seen.append(progress)
        cpu_at.append(clock())

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        config = trace.config.model_copy(update={"output_dir": run})
        cpu, start = clock(), time.perf_counter()
        annotate(config, questions=trace.questions, backend=backend, on_progress=note)
        whole = time.perf_counter() - start
        assert (run / "artifacts.jsonl").read_bytes() == trace.artifacts, "the search took other decisions"
    full = sum(each.in_flight >= config.slots for each in seen) / len(seen)
    return Cost(seen[-1].seconds, cpu_at[-1] - cpu, whole, full)


def cpu_clock() -> Callable[[], float]:
    """CPU seconds of this process with all its threads, and of the children that live now."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return lambda: sum(sum(process.cpu_times()[:2]) for process in processes)
