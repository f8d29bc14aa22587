"""The job behind `omega grounded search`: roots in, trees and samples out, thousands of problems in flight."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast.errors import BackendError, ConfigError, InputError, OmegaError
from omega_fast.grounded.calls import CallLog
from omega_fast.grounded.canaries import Canaries
from omega_fast.grounded.chat import GoneError, RefusedError
from omega_fast.grounded.checking import Checker, LedgerQueries, ModelQueries, QueryWriter, ToolBox
from omega_fast.grounded.judges import ChatJudge, Judge, ScorerJudge
from omega_fast.grounded.opening import open_asker
from omega_fast.grounded.problem import Problem, read_problems, seed_of
from omega_fast.grounded.search_folder import TREES, claim_folder
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.search_summary import SearchSummary
from omega_fast.grounded.searching import Found, NoStepError, search
from omega_fast.grounded.settings import GroundedSettings, Role, ToolSettings
from omega_fast.grounded.step_scores import StepScores, open_step_scores
from omega_fast.grounded.steps import LedgerSteps, ModelSteps, StepWriter
from omega_fast.grounded.tree_files import samples_record, tree_record
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import FinishReason, Question, Verdict
from omega_fast.store.files import LocalFileSystem, write_atomically
from omega_fast.store.lines import encode_json
from omega_fast.store.quarantine import write_quarantine
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.tools import open_tool

__all__ = ["run_search"]

_TOOL_THREADS = 64
_SAMPLES = "training_samples"


def run_search(
    roots: Path,
    folder: Path,
    settings: GroundedSettings,
    search_settings: SearchSettings,
    *,
    start: int = 0,
    end: int | None = None,
    in_flight: int = 1000,
    stop: Event | None = None,
) -> SearchSummary:
    """Search the problems of a file of roots.

    Each call of a model or tool is kept in `calls/` in the folder; the same call of this function makes all decisions
    again from these answers and asks what is left. Ledger problems are checked by the ledger's executor, and without a
    policy written by the embedded one.

    Args:
        roots: `root.json`.
        folder: Where `mcts_tree/`, `training_samples/` and the summary, `search.summary.json`, go.
        settings: Roles and tools.
        search_settings: How each problem is searched.
        start: The first problem, from 0.
        end: The first one that is not searched; `None` for all.
        in_flight: Problems at once.
        stop: Set, no further problem is begun.

    Raises:
        InputError: The roots cannot be used, or there are none between the indices.
        ConfigError: No model plays the policy, nothing checks steps, or settings cannot work.
        RunConflictError: The folder holds a search of other roots, or by other rules.
        BackendError: A model or tool is gone; what was answered is kept.
        StoreError: Something cannot be written.
    """
    everything = read_problems(roots)
    problems = everything[start:end]
    if not problems:
        raise InputError(f"{roots} has no problems from {start} on", hint="lower the start index")
    is_ledger = all(problem.is_ledger for problem in problems)
    if is_ledger:
        settings = _for_ledger(settings)
    settings.role("policy")
    if not settings.tools and settings.judge is None:
        raise ConfigError("there is no tool and no judge", hint="name one in the configuration")
    claim_folder(folder, everything, search_settings)
    for name in (TREES, _SAMPLES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        log = stack.enter_context(CallLog(folder / "calls"))
        job = _Job(folder, log, search_settings, stop or Event(), len(problems))
        job.bounds = settings.prm_bounds
        job.verifier = stack.enter_context(AnswerVerifier())
        job.threads = stack.enter_context(ThreadPoolExecutor(_TOOL_THREADS, "tool"))
        tools = [stack.enter_context(open_tool(each.name, each.options)) for each in settings.tools]
        boxes = ToolBox(tools, log, job.threads)
        asyncio.run(job.run(problems, settings, boxes, in_flight, is_ledger=is_ledger))
        job.summary.calls = dict(log.counts)
    summary = job.summary
    summary.warnings = tuple(summary.canaries.warnings(expected=search_settings.canary_rate > 0))
    report = encode_json(summary.to_dict(), what="the summary of a search") + b"\n"
    write_atomically(LocalFileSystem(), folder / "search.summary.json", report)
    return summary


def _for_ledger(settings: GroundedSettings) -> GroundedSettings:
    """The executor as tool, unless there shall be none, and the embedded policy unless another one is given."""
    options = {"prompt": {"style": "plain", "text": "{problem}\n"}, "stop": ["\n"]}
    policy = Role(
        backend="hf", model=str(ASSETS), temperature=1.0, top_p=1.0, options=options, reads_plain=True
    )
    changes: dict[str, Any] = {"tools": (ToolSettings(name="ledger"),) if settings.tools else ()}
    if settings.policy is None:
        changes["policy"] = policy
    elif settings.policy.backend == "openai":
        raise ConfigError(
            "ledger lines are continued, which a chat interface cannot do",
            hint="leave the policy out, which is the embedded one then, or use backend hf or vllm",
        )
    return settings.model_copy(update=changes)


class _Job:
    """Many searches at once; each is a function of the answers alone, so their order changes nothing."""

    verifier: AnswerVerifier
    threads: ThreadPoolExecutor
    bounds = (0.5, 0.5)

    def __init__(
        self, folder: Path, log: CallLog, settings: SearchSettings, stop: Event, problems: int
    ) -> None:
        self._folder = folder
        self._log = log
        self._settings = settings
        self._stop = stop
        self._error: OmegaError | None = None
        self._rejected: list[Mapping[str, object]] = []
        self.summary = SearchSummary(folder, problems)

    async def run(
        self,
        problems: Sequence[Problem],
        settings: GroundedSettings,
        tools: ToolBox,
        in_flight: int,
        *,
        is_ledger: bool,
    ) -> None:
        """Search all problems."""
        async with AsyncExitStack() as stack:
            policy = open_asker(settings, "policy", self._log)
            stack.push_async_callback(policy.close)
            writer: StepWriter = LedgerSteps(policy) if is_ledger else ModelSteps(policy)
            checker = await self._checker(settings, tools, stack, is_ledger=is_ledger)
            free = asyncio.Semaphore(in_flight)
            async with asyncio.TaskGroup() as group:
                has_sent = not self._settings.canary_rate
                for problem in problems:
                    await free.acquire()
                    if self._stop.is_set() or self._error is not None:
                        break
                    canaries = Canaries(
                        checker, self.summary.canaries, self._settings.canary_rate, self._settings.seed
                    )
                    has_sent = has_sent or _send_both(canaries, problem, self._settings.seed)
                    group.create_task(self._one(problem, writer, canaries, free))
        write_quarantine(LocalFileSystem(), self._folder / "search.quarantine.jsonl", self._rejected)
        if self._error is not None:
            raise self._error
        self.summary.complete = self.summary.searched + self.summary.failed.total() == len(problems)

    async def _checker(
        self, settings: GroundedSettings, tools: ToolBox, stack: AsyncExitStack, *, is_ledger: bool
    ) -> Checker:
        """Query writer, tools, judge and scorer, closed with the stack."""
        seed = self._settings.seed
        scores: StepScores | None = None
        if settings.prm is not None:
            scores = await asyncio.to_thread(open_step_scores, settings.prm, self._log)
            stack.push_async_callback(scores.close)
        judge: Judge | None = None
        if settings.judge == "prm":
            assert scores is not None, "the settings were checked"
            judge, scores = ScorerJudge(scores, settings.prm_bounds), None
        elif settings.judge is not None:
            asker = open_asker(settings, "judge", self._log)
            stack.push_async_callback(asker.close)
            judge = ChatJudge(asker, seed)
        queries: QueryWriter = LedgerQueries()
        if tools and not is_ledger:
            asker = open_asker(settings, "query_writer", self._log)
            stack.push_async_callback(asker.close)
            queries = ModelQueries(asker, tools.language)
        return Checker(queries, tools, judge, seed, scores)

    async def _one(
        self, problem: Problem, writer: StepWriter, checker: Canaries, free: asyncio.Semaphore
    ) -> None:
        try:
            found = await search(problem, self._settings, writer, checker, self._is_right)
            await checker.finish()
            await asyncio.to_thread(self._write, found)
            self.summary.count(found, self.bounds)
            self._log.tick()
        except NoStepError:
            self._reject(problem, "no first step was written")
        except RefusedError as error:
            self._reject(problem, str(error))
        except GoneError as error:
            self._error = self._error or BackendError(str(error), hint="the same command resumes the job")
        except OmegaError as error:
            self._error = self._error or error
        finally:
            await checker.drop()
            free.release()

    def _is_right(self, problem: Problem, answer: str) -> bool:
        """Whether a final answer is the gold one, by the answer verifier in its worker processes."""
        question = Question(problem.name, problem.question, problem.answer)
        judgement = self.verifier.judge(question, rf"\boxed{{{answer}}}", FinishReason.STOP)
        return judgement.verdict is Verdict.CORRECT

    def _write(self, found: Found) -> None:
        for name, record in ((TREES, tree_record(found)), (_SAMPLES, samples_record(found))):
            data = encode_json(record, what=f"the tree of {found.problem.name}") + b"\n"
            write_atomically(LocalFileSystem(), self._folder / name / f"{found.problem.name}.json", data)

    def _reject(self, problem: Problem, reason: str) -> None:
        self.summary.failed[reason] += 1
        self._rejected.append({"path": f"{problem.name}.json", "reason": reason})


def _send_both(canaries: Canaries, problem: Problem, seed: int) -> bool:
    """A right and a wrong one, so that every run has some; whether the problem has any."""
    sent = False
    for right in (True, False):
        rng = random.Random(seed_of(seed, problem, (), f"canary {right}"))  # noqa: S311 - reproducible
        sent = canaries.send(problem, rng, right=right)
    return sent
