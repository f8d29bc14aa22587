"""The job behind `omega grounded search`: roots in, trees and samples out, thousands of problems in flight."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from omega_fast.errors import BackendError, ConfigError, InputError, OmegaError
from omega_fast.grounded.calls import Asker, CallLog
from omega_fast.grounded.chat import GoneError, RefusedError
from omega_fast.grounded.checking import Checker, LedgerQueries, ModelQueries, QueryWriter, ToolBox
from omega_fast.grounded.opening import open_asker
from omega_fast.grounded.problem import Problem, read_problems
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.searching import Found, NoStepError, TreeNode, search
from omega_fast.grounded.settings import GroundedSettings, Role, ToolSettings
from omega_fast.grounded.steps import LedgerSteps, ModelSteps, StepWriter
from omega_fast.grounded.tree_files import samples_record, tree_record
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import FinishReason, Question, Verdict
from omega_fast.store.files import LocalFileSystem, write_atomically
from omega_fast.store.lines import encode_json
from omega_fast.store.quarantine import write_quarantine
from omega_fast.verifiers.answer import AnswerVerifier
from omega_fast.verifiers.tools import open_tool

__all__ = ["SearchSummary", "run_search"]

_TOOL_THREADS = 64
_TREES, _SAMPLES = "mcts_tree", "training_samples"


@dataclass(slots=True)
class SearchSummary:
    """What a session of the job found; `searched`, `failed` and what is left are all `problems`.

    Attributes:
        folder: Where the trees and samples are.
        problems: Between the two indices.
        searched: Of which trees were written.
        failed: Reasons why others were not.
        counts: Nodes, steps by finding, samples, disagreements, greatest depth, over all trees.
        calls: Answers asked for in this session, and found in the log, by role.
        complete: Whether no problem is left.
    """

    folder: Path
    problems: int
    searched: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    calls: Mapping[str, int] = field(default_factory=dict)
    complete: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "folder": str(self.folder),
            "problems": self.problems,
            "searched": self.searched,
            "failed": dict(self.failed),
            "counts": dict(self.counts),
            "calls": dict(self.calls),
            "complete": self.complete,
        }


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
        folder: Where `mcts_tree/` and `training_samples/` go.
        settings: Roles and tools.
        search_settings: How each problem is searched.
        start: The first problem, from 0.
        end: The first one that is not searched; `None` for all.
        in_flight: Problems at once.
        stop: Set, no further problem is begun.

    Raises:
        InputError: The roots cannot be used, or there are none between the indices.
        ConfigError: No model plays the policy, or settings cannot work.
        BackendError: A model or tool is gone; what was answered is kept.
        StoreError: Something cannot be written.
    """
    problems = read_problems(roots)[start:end]
    if not problems:
        raise InputError(f"{roots} has no problems from {start} on", hint="lower the start index")
    is_ledger = all(problem.is_ledger for problem in problems)
    if is_ledger:
        settings = _for_ledger(settings)
    settings.role("policy")
    for name in (_TREES, _SAMPLES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        log = stack.enter_context(CallLog(folder / "calls"))
        job = _Job(folder, log, search_settings, stop or Event(), len(problems))
        job.verifier = stack.enter_context(AnswerVerifier())
        job.threads = stack.enter_context(ThreadPoolExecutor(_TOOL_THREADS, "tool"))
        tools = [stack.enter_context(open_tool(each.name, each.options)) for each in settings.tools]
        boxes = ToolBox(tools, log, job.threads)
        asyncio.run(job.run(problems, settings, boxes, in_flight, is_ledger=is_ledger))
        job.summary.calls = dict(log.counts)
    return job.summary


def _for_ledger(settings: GroundedSettings) -> GroundedSettings:
    """The executor as tool, and the embedded policy unless another one is given."""
    options = {"prompt": {"style": "plain", "text": "{problem}\n"}, "stop": ["\n"]}
    policy = Role(backend="hf", model=str(ASSETS), temperature=1.0, top_p=1.0, options=options)
    changes: dict[str, Any] = {"tools": (ToolSettings(name="ledger"),)}
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
            judge: Asker | None = None
            if settings.judge is not None:
                judge = open_asker(settings, "judge", self._log)
                stack.push_async_callback(judge.close)
            writer: StepWriter = LedgerSteps(policy) if is_ledger else ModelSteps(policy)
            queries: QueryWriter = LedgerQueries()
            if not is_ledger:
                asker = open_asker(settings, "query_writer", self._log)
                stack.push_async_callback(asker.close)
                queries = ModelQueries(asker, tools.language)
            checker = Checker(queries, tools, judge, self._settings.seed)
            free = asyncio.Semaphore(in_flight)
            async with asyncio.TaskGroup() as group:
                for problem in problems:
                    await free.acquire()
                    if self._stop.is_set() or self._error is not None:
                        break
                    group.create_task(self._one(problem, writer, checker, free))
        write_quarantine(LocalFileSystem(), self._folder / "search.quarantine.jsonl", self._rejected)
        if self._error is not None:
            raise self._error
        self.summary.complete = self.summary.searched + self.summary.failed.total() == len(problems)

    async def _one(
        self, problem: Problem, writer: StepWriter, checker: Checker, free: asyncio.Semaphore
    ) -> None:
        try:
            found = await search(problem, self._settings, writer, checker, self._is_right)
            await asyncio.to_thread(self._write, found)
            self._count(found)
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
            free.release()

    def _is_right(self, problem: Problem, answer: str) -> bool:
        """Whether a final answer is the gold one, by the answer verifier in its worker processes."""
        question = Question(problem.name, problem.question, problem.answer)
        judgement = self.verifier.judge(question, rf"\boxed{{{answer}}}", FinishReason.STOP)
        return judgement.verdict is Verdict.CORRECT

    def _write(self, found: Found) -> None:
        for name, record in ((_TREES, tree_record(found)), (_SAMPLES, samples_record(found))):
            data = encode_json(record, what=f"the tree of {found.problem.name}") + b"\n"
            write_atomically(LocalFileSystem(), self._folder / name / f"{found.problem.name}.json", data)

    def _reject(self, problem: Problem, reason: str) -> None:
        self.summary.failed[reason] += 1
        self._rejected.append({"path": f"{problem.name}.json", "reason": reason})

    def _count(self, found: Found) -> None:
        counts = self.summary.counts
        self.summary.searched += 1
        right = sum(sample.right for sample in found.samples)
        counts["positive samples"] += right
        counts["negative samples"] += len(found.samples) - right
        counts["lost leaves"] += found.lost
        left = [(node, 1) for node in found.roots]
        while left:
            node, depth = left.pop()
            counts["depth of the deepest node"] = max(counts["depth of the deepest node"], depth)
            counts["nodes"] += 1
            for each in (node, *node.play):
                self._count_step(each)
            left += [(child, depth + 1) for child in node.children]

    def _count_step(self, node: TreeNode) -> None:
        counts = self.summary.counts
        counts["steps checked"] += 1
        counts[f"steps {node.check.finding}"] += 1
        counts["disagreements of tool and judge"] += node.check.disagrees
