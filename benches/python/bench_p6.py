"""Our own CPU for a request, from `poll_requests` to the engine's queue and back into the search (P6).

The engine answers at once with recorded texts of 1 KB, so that what is left is ours. Prompts and prefixes have
about 1,000 tokens together. In the figure: the core, the crossing into Python, the pump's books, putting the ids
together, the order of submission, text and token ends of what comes back, its checks, and the core's decisions. Out
of it, and printed apart: the log, the verifier, and the engine. The baseline is the same loop without omega_fast: it
puts the ids together, submits them, and has the tokenizer decode what comes back. All figures are microseconds of
this thread's CPU for a request, printed as one JSON line.

Where vLLM is installed, `to_vllm` is the same with our whole client of `AsyncLLM`, thread and event loop included, on
an `AsyncLLM` that answers at once, and `bare_vllm` a task a request on the same; both by this process's CPU.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from omega_fast.backends.generations import GenerationMaker
from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.backends.tokens import token_decoder
from omega_fast.backends.vllm_backend import VllmBackend
from omega_fast.backends.vllm_draws import Draw, Outcome
from omega_fast.config import AnnotateConfig
from omega_fast.engine import Pump
from omega_fast.records import FinishReason, Judgement, Question, Verdict
from omega_fast.search.book import QuestionBook
from omega_fast.search.recorded import RecordedResponses
from omega_fast.store import RunDirectory
from omega_fast.verifiers.answer import AnswerVerifier

BAR = 50
TEXT_BYTES = 1024
PROMPT_TOKENS = 750
"""With the prefixes, of an eighth to seven eighths of a text, requests have 1,000 tokens on the mean."""
PREFIX_EIGHTHS = 4
"""How much of an answer a request of the baseline continues."""
TEXTS = 2048
EOS = 0


def main() -> None:
    """Measure everything a few times over and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=30)
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--group", type=int, default=8, help="answers the engine gives at a time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vllm-only", action="store_true", help="only the bar lines of vLLM's client")
    arguments = parser.parse_args()
    world = World(arguments.questions, arguments.slots, arguments.group)
    measures = dict(MEASURES)
    if find_spec("vllm"):
        vllm = import_module("p6_vllm")
        measures |= {"to_vllm": vllm.to_vllm, "bare_vllm": vllm.bare_vllm}
    found: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        for name, measure in measures.items():
            found.setdefault(name, []).append(measure(world))
    figures: dict[str, Any] = {name: round(statistics.median(costs), 1) for name, costs in found.items()}
    figures["over_baseline"] = round(figures["ours"] - figures["baseline"], 1)
    if "to_vllm" in found:
        figures["over_bare_vllm"] = round(figures["to_vllm"] - figures["bare_vllm"], 1)
    figures["least"] = {name: round(min(costs), 1) for name, costs in found.items()}
    stages = world.stages()
    figures |= {"requests": world.n_requests, "prompt_tokens": round(world.mean_prompt_tokens)}
    figures |= {"tokens_back": round(statistics.mean(map(len, world.answers))), "stages": stages}
    print(json.dumps(figures), flush=True)
    size = f"{figures['prompt_tokens']} prompt tokens, {figures['tokens_back']} back, {world.n_requests} requests"
    if not arguments.vllm_only:
        print_bar(figures["ours"], figures["baseline"], f"all of ours, text and token ends included; {size}")
        over = f"over the same loop without omega_fast; {size}"
        print_bar(figures["over_baseline"], figures["baseline"], over)
    if "to_vllm" in found:
        over = f"our client of AsyncLLM over a bare one, engine answering at once; {size}"
        print_bar(figures["over_bare_vllm"], figures["bare_vllm"], over)


def print_bar(figure: float, baseline: float, what: str) -> None:
    word = "ok" if figure <= BAR else "short"
    print(
        f"P6 figure={figure} baseline={baseline}us(without-omega_fast) bar=<={BAR} {word} | us a request, {what}",
        flush=True,
    )


class World:
    """Questions, recorded answers, and an engine that gives them."""

    def __init__(self, n_questions: int, slots: int, group: int) -> None:
        chance = random.Random(0)
        words = ["".join(chance.choices("etaoinshrdlu", k=chance.randrange(1, 9))) for _ in range(900)]
        texts = [solution(chance, words) for _ in range(TEXTS)]
        self.tokenizer = bpe_tokenizer(texts)
        self.answers = [[*self._encode(text), EOS] for text in texts]
        self.questions = []
        for number in range(n_questions):
            ids = self._encode(" ".join(chance.choices(words, k=PROMPT_TOKENS)))[:PROMPT_TOKENS]
            self.questions.append(Question(str(number), self.tokenizer.decode(ids), "0"))
        self.slots = slots
        self.group = group
        self.n_requests = 0
        self.mean_prompt_tokens = 0.0
        self.config = AnnotateConfig(
            question_file="none",
            output_dir=Path(),
            model_name="none",
            locate="binary",
            num_rollouts=16,
            rollout_budget=200,
        )

    def backend(self) -> tuple[VllmBackend, RecordedEngine]:
        """The backend over the recorded engine."""
        engine = RecordedEngine(self.answers, self.group)
        return self.backend_over(engine), engine

    def backend_over(self, engine: Any) -> VllmBackend:
        """The backend over any engine, with every question rendered."""
        backend = VllmBackend(
            engine,
            PromptEncoder(self.tokenizer, PromptTemplate(style="plain"), 4096),
            GenerationMaker(token_decoder(self.tokenizer), frozenset({EOS}), (), True),
            {},
            slots=self.slots,
            replicas=1,
            max_new_tokens=2048,
            context=4096,
        )
        for question in self.questions:  # questions are rendered once, when they are read
            backend.prompt(question)
        return backend

    def baseline_ids(self, backend: VllmBackend) -> Callable[[int], list[int]]:
        """From the number of a request of the baseline to its ids, put together as it is asked."""
        prompts = [list(backend.prompt(question).token_ids) for question in self.questions]
        prefixes = [answer[: PREFIX_EIGHTHS * len(answer) // 8] for answer in self.answers]
        return lambda number: prompts[number % len(prompts)] + prefixes[number % len(prefixes)]

    def pump(self, log: Any, verifier: Any, backend: Any) -> Pump:
        book = QuestionBook(self.config.core_config(), lambda number, line: None)
        book.scheduler.set_max_open(4 * self.slots)
        for question in self.questions:
            book.add(question, [])
        return Pump(book, RecordedResponses(book, "1"), backend, verifier, log)

    def run(self, log: Any, verifier: Any) -> float:
        """Microseconds for a request."""
        backend, engine = self.backend()
        pump = self.pump(log, verifier, backend)
        with no_collector():
            start = time.thread_time()
            pump.run()
            spent = time.thread_time() - start
        self.n_requests = engine.n_requests
        self.mean_prompt_tokens = engine.n_prompt_tokens / engine.n_requests
        return 1e6 * spent / engine.n_requests

    def stages(self) -> dict[str, float]:
        """Microseconds for a request by stage, from one run with a clock around each call; `pump` is the rest."""
        backend, engine = self.backend()
        pump = self.pump(NoLog(), AtOnce(), backend)
        clock = StageClock()
        scheduler = clock.around(
            pump._book.scheduler, ("poll_requests", "handle_responses", "poll_events", "retire")
        )
        pump._book.scheduler = scheduler
        pump._backend = clock.around(backend, ("submit", "poll"))
        start = time.thread_time()
        pump.run()
        total = time.thread_time() - start
        found = {name: round(1e6 * spent / engine.n_requests, 1) for name, spent in clock.spent.items()}
        rest = total - sum(clock.spent.values())
        return {**found, "pump": round(1e6 * rest / engine.n_requests, 1)}

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def solution(chance: random.Random, words: Sequence[str]) -> str:
    """Eight steps of plain words, `TEXT_BYTES` in all, with an answer that is right half of the time."""
    last = f"The answer is: {chance.randrange(2)}"
    length = (TEXT_BYTES - len(last)) // 8 - 2
    steps = ["".join(f"{chance.choice(words)} " for _ in range(length))[:length] for _ in range(8)]
    return "\n\n".join([*steps, last])


def bpe_tokenizer(texts: Sequence[str]) -> Any:
    """A byte-level tokenizer of 2,048 words, about four bytes each, learnt from these texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2048, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")


class RecordedEngine:
    """A `DrawEngine` that has every answer at once."""

    def __init__(self, answers: Sequence[Sequence[int]], group: int) -> None:
        self.n_requests = 0
        self.n_prompt_tokens = 0
        self._answers = answers
        self._group = group
        self._ready: deque[Draw] = deque()

    def submit(self, draws: Sequence[Draw]) -> None:
        self.n_requests += len(draws)
        self._ready.extend(draws)

    def abort(self, tickets: Collection[int]) -> None:
        raise AssertionError("nothing is aborted here")

    def collect(self, timeout: float) -> list[Outcome]:
        del timeout
        outcomes = []
        for _ in range(min(self._group, len(self._ready))):
            draw = self._ready.popleft()
            self.n_prompt_tokens += len(draw.token_ids)
            outcomes.append(Outcome(draw.ticket, self._answers[draw.seed % len(self._answers)], "stop"))
        return outcomes

    def close(self) -> None:
        self._ready.clear()


class NoLog:
    """Keeps nothing."""

    def append(self, kind: str, body: dict[str, Any]) -> None:
        """Forget it."""

    def tick(self) -> None:
        """Do nothing."""


class AtOnce:
    """A verifier that reads the last character."""

    version = "1"

    def __init__(self) -> None:
        self._done: list[tuple[int, Judgement]] = []

    def submit(
        self, job_id: int, question: Question, solution: str, finish: FinishReason, draw: int | None = None
    ) -> None:
        del question, finish, draw
        verdict = Verdict.CORRECT if solution[-1] == "0" else Verdict.WRONG
        self._done.append((job_id, Judgement(verdict, solution[-1])))

    def lost(self, question: Question, draw: int) -> None:
        raise AssertionError("nothing is lost here")

    def poll(self, timeout: float) -> list[tuple[int, Judgement]]:
        del timeout
        done, self._done = self._done, []
        return done


class StageClock:
    """CPU seconds of this thread by the name of the call."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    def around(self, thing: Any, names: Collection[str]) -> Any:
        """The same thing with a clock around the calls of these names."""
        return _Clocked(thing, {name: self._timed(name, getattr(thing, name)) for name in names})

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = time.thread_time()
            try:
                return call(*arguments)
            finally:
                self.spent[name] += time.thread_time() - start

        return timed


class _Clocked:
    def __init__(self, thing: Any, calls: Mapping[str, Callable[..., Any]]) -> None:
        self._thing = thing
        self.__dict__.update(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)


def ours(world: World) -> float:
    return world.run(NoLog(), AtOnce())


def with_log(world: World) -> float:
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory.open_or_create(
            Path(folder) / "run", identity={}, extensible={}, operational={}, fingerprints={}
        )
        with run:
            return world.run(run, AtOnce())


def with_verifier(world: World) -> float:
    with closing(AnswerVerifier(workers=1)) as verifier:
        return world.run(NoLog(), verifier)


def baseline(world: World) -> float:
    """The same requests and answers in a loop that keeps ids and texts and knows of no search."""
    backend, engine = world.backend()
    asked_ids = world.baseline_ids(backend)
    wanted = iter(range(world.n_requests or 4096))
    asked: dict[int, list[int]] = {}
    texts: list[str] = []

    def submit(count: int) -> None:
        draws = []
        for number, _ in zip(wanted, range(count), strict=False):
            asked[number] = ids = asked_ids(number)
            draws.append(Draw(number, ids, number, 2048, 0))
        engine.submit(draws)

    with no_collector():
        start = time.thread_time()
        submit(2 * world.slots)
        while outcomes := engine.collect(0):
            for outcome in outcomes:
                del asked[outcome.ticket]
                texts.append(world.tokenizer.decode(outcome.token_ids[:-1]))
            submit(len(outcomes))
        spent = time.thread_time() - start
    return 1e6 * spent / engine.n_requests


MEASURES: Mapping[str, Callable[[World], float]] = {
    "ours": ours,
    "baseline": baseline,
    "with_log": with_log,
    "with_verifier": with_verifier,
}


@contextmanager
def no_collector() -> Iterator[None]:
    """The garbage of the imports is not the loop's."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


if __name__ == "__main__":
    main()
