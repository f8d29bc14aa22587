"""Draws made early: the same labels, nothing lost or counted twice, and nothing waited for in vain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from omega_fast._core import Request
from omega_fast.config import AnnotateConfig
from omega_fast.errors import BackendError
from omega_fast.jobs import replay
from omega_fast.journal import DrawKey, key_of, prefix_digest, rollout_body, verdict_body
from omega_fast.records import FinishReason, Generation, GenerationRequest, Judgement, Question, Verdict
from omega_fast.search.book import QuestionBook
from omega_fast.search.recorded import RecordedResponses
from omega_fast.store import Artifacts
from omega_fast.store.lines import FIRST_CHAIN, check_lines, seal
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, draws, records, settings

STRATEGIES = ["binary", "early_stop", "every_step", "sequential", "bayes"]


class Watched(FakeEngine):
    """Counts what it is told to forget."""

    def __init__(self, knobs: Knobs | None = None) -> None:
        super().__init__(knobs or Knobs())
        self.cancelled = 0

    def cancel(self, ids: Collection[int]) -> None:
        self.cancelled += len(set(ids) & set(self._working))
        super().cancel(ids)


@pytest.fixture(scope="module", params=STRATEGIES)
def plain(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A strategy, and a run without speculation."""
    run = tmp_path_factory.mktemp("plain") / "run"
    annotated(run, locate=request.param)
    return request.param, run


@pytest.mark.parametrize("slots", [1, 7, 256])
@pytest.mark.parametrize("shuffle", [None, 5])
def test_labels_are_the_same_bytes(tmp_path, plain, slots, shuffle):
    locate, run = plain
    engine = Watched(Knobs(slots=slots, shuffle=shuffle, latency=3 if shuffle else 0))
    summary = annotated(tmp_path / "run", engine, slots=slots, locate=locate, speculation=1)
    assert artifacts(tmp_path / "run") == artifacts(run)
    assert replay(tmp_path / "run").complete
    assert artifacts(tmp_path / "run") == artifacts(run)
    logged = draws(tmp_path / "run")
    assert set(logged.values()) == {1}
    assert engine.submitted == sum(logged.values()) + engine.cancelled
    assert summary.early["cancelled"] == engine.cancelled
    assert sum(logged.values()) == summary.rollouts + summary.early["unused"]
    if slots == 1 or locate == "early_stop":
        assert bool(summary.early["used"]) == (slots > 1)


def test_every_draw_of_a_run_without_speculation_is_among_those_with_it(tmp_path, plain):
    locate, run = plain
    annotated(tmp_path / "run", FakeEngine(Knobs(latency=2, shuffle=1)), locate=locate, speculation=1)
    assert draws(run).keys() <= draws(tmp_path / "run").keys()


def test_no_share_asks_for_nothing_early_and_a_small_one_for_little(tmp_path):
    for share, most in [(0, 0), (0.25, 2), (1, 8)]:
        engine = Watched(Knobs(latency=6))
        run = tmp_path / str(share)
        summary = annotated(run, engine, questions(1), speculation=share, locate="early_stop")
        early = [record for record in records(run, "rollout") if "early_prefix" in record.body]
        assert bool(summary.early["used"]) == bool(most) == bool(early)


def test_speculation_takes_fewer_turns_of_the_engine(tmp_path):
    turns = {}
    for share in (0, 1):
        engine = Watched(Knobs(latency=4, shuffle=1))
        annotated(tmp_path / str(share), engine, questions(1), speculation=share, locate="early_stop")
        turns[share] = engine.turns
    assert turns[1] < 0.8 * turns[0]


def test_an_engine_that_dies_at_any_request_leaves_a_run_that_resumes_to_the_same_labels(tmp_path):
    asked = questions(2)
    annotated(tmp_path / "whole", asked=asked, locate="early_stop")
    for request in range(1, sum(draws(tmp_path / "whole").values()) + 1, 2):
        run = tmp_path / str(request)
        engine = FakeEngine(Knobs(slots=8, shuffle=request, latency=2, dies_at=request))
        with pytest.raises(BackendError, match="died"):
            annotated(run, engine, asked, locate="early_stop", speculation=1)
        annotated(
            run, FakeEngine(Knobs(shuffle=request)), asked, locate="early_stop", speculation=request % 2
        )
        assert artifacts(run) == artifacts(tmp_path / "whole")
        assert set(draws(run).values()) == {1}


def test_a_run_that_is_asked_to_stop_does_not_wait_for_what_was_asked_early(tmp_path, plain):
    locate, whole = plain
    for at in (12, 30, 55):
        run, stop = tmp_path / str(at), Event()

        def watch(submitted: int, _: GenerationRequest, at: int = at, stop: Event = stop) -> None:
            if submitted == at:
                stop.set()

        engine = Watched(Knobs(latency=9, shuffle=at, on_submit=watch))
        assert not annotated(run, engine, stop=stop, locate=locate, speculation=1).complete
        assert engine.submitted == sum(draws(run).values()) + engine.cancelled
        annotated(run, locate=locate, speculation=1)
        assert artifacts(run) == artifacts(whole)


def test_draws_that_always_fail_are_lost_alike(tmp_path, plain):
    def fails(request: GenerationRequest) -> bool:
        return request.seed % 7 == 0

    locate, _ = plain
    annotated(tmp_path / "plain", FakeEngine(Knobs(fails=fails)), locate=locate)
    engine = FakeEngine(Knobs(fails=fails, latency=2, shuffle=3))
    annotated(tmp_path / "early", engine, locate=locate, speculation=1)
    assert artifacts(tmp_path / "early") == artifacts(tmp_path / "plain")


def test_what_was_drawn_for_nothing_serves_a_larger_budget(tmp_path):
    knobs = Knobs(latency=2, shuffle=3)
    annotated(tmp_path / "run", FakeEngine(knobs), locate="early_stop", speculation=1, max_search_count=2)
    annotated(tmp_path / "whole", locate="early_stop", max_search_count=4)
    before = draws(tmp_path / "run").keys()
    annotated(tmp_path / "run", FakeEngine(), locate="early_stop", max_search_count=4)
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")
    unused = before - draws(tmp_path / "whole").keys()
    assert set(draws(tmp_path / "run").values()) == {1}
    assert len(unused) < len(before)


def _sealed(bodies):
    log, chain = b"", FIRST_CHAIN
    for number, (kind, body) in enumerate(bodies):
        line, chain = seal(number, kind, body, chain)
        log += line
    return [check_lines(log, FIRST_CHAIN, responses=True)]


def _asked(config: AnnotateConfig, finished: list[bytes]) -> tuple[QuestionBook, Request]:
    """A book with one question, and the first request of its root in another like it."""
    books = []
    for _ in range(2):
        book = QuestionBook(config.core_config(), lambda number, line: finished.append(line))
        book.add(Question("q", "p", "7"), [])
        books.append(book)
    (request,) = books[0].scheduler.poll_requests(1)
    return books[1], request


def _continuation(text: str) -> Generation:
    return Generation(0, text, (), (), 2, 0, FinishReason.STOP)


def test_a_rollout_that_continues_other_ids_than_are_asked_for_is_asked_for_again(tmp_path):
    taken = {}
    for made_from in (prefix_digest((1, 2)), prefix_digest(())):
        book, request = _asked(settings(tmp_path / "run"), [])
        key = DrawKey("q", request.state, 0)
        made = replace(key, early_prefix=made_from)
        recorded = RecordedResponses(book, "v")
        bodies = [
            ("rollout", rollout_body(made, request.seed, _continuation("a\n7\n"))),
            ("verdict", verdict_body(made, "v", Judgement(Verdict.CORRECT, "7"))),
        ]
        recorded.feed(_sealed(bodies))
        taken[made_from] = key not in map(book.key, recorded.take_unclaimed())
    assert list(taken.values()) == [False, True]


@pytest.mark.parametrize("swapped", [False, True])
def test_verdicts_on_one_draw_made_from_two_rows_of_ids_find_their_rollouts_in_any_order(tmp_path, swapped):
    finished: list[bytes] = []
    book, request = _asked(settings(tmp_path / "run", num_rollouts=1), finished)
    decided = DrawKey("q", request.state, 0)
    early = replace(decided, early_prefix=prefix_digest((1, 2)))
    recorded = RecordedResponses(book, "v")
    verdicts = [
        ("verdict", verdict_body(early, "v", Judgement(Verdict.WRONG, "8"))),
        ("verdict", verdict_body(decided, "v", Judgement(Verdict.CORRECT, "7"))),
    ]
    # Both are with the verifier at once, which may take its time with either.
    recorded.feed(
        _sealed(
            [
                ("rollout", rollout_body(early, request.seed, _continuation("a\n8\n"))),
                ("rollout", rollout_body(decided, request.seed, _continuation("b\n7\n"))),
                *(reversed(verdicts) if swapped else verdicts),
            ]
        )
    )
    (tree,) = map(Artifacts.from_json, finished)
    assert [(node.n_rollouts, node.n_correct) for node in tree.nodes[:1]] == [(1, 1)]


def test_unused_draws_are_in_no_tree(tmp_path):
    annotated(tmp_path / "run", FakeEngine(Knobs(latency=2, shuffle=2)), locate="early_stop", speculation=1)
    trees = [Artifacts.from_json(line) for line in artifacts(tmp_path / "run").splitlines()]
    for tree in trees:
        assert tree.counts.rollouts == sum(node.n_rollouts + node.n_excluded for node in tree.nodes)


def test_every_verdict_names_the_rollout_it_is_on(tmp_path):
    run = tmp_path / "run"
    annotated(run, FakeEngine(Knobs(latency=2, shuffle=2)), locate="early_stop", speculation=1)
    rollouts, verdicts = (
        sorted(map(repr, (key_of(one.body) for one in records(run, kind)))) for kind in ("rollout", "verdict")
    )
    assert rollouts == verdicts
    assert any("early_prefix=None" not in name for name in rollouts)
