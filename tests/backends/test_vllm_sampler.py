"""vLLM's side of a training without vLLM: which adapter it is told of, and when it starts."""

from pathlib import Path

import pytest

from omega_fast.backends.base import Prompt
from omega_fast.backends.vllm_sampler import VllmSampler
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason, Generation, Question

QUESTION = Question("q", "x", None)


class Engine:
    """Takes note of the adapters it is told of."""

    def __init__(self):
        self.adapters = []
        self.forced = []

    def use_adapter(self, name, number, folder):
        self.adapters.append((name, number, folder))

    def forced_log_probs(self, token_ids, start):
        self.forced.append((list(token_ids), start))
        return [-1.0] * (len(token_ids) - start)


class Backend:
    """Answers every request with its seed."""

    def __init__(self, finish=FinishReason.STOP):
        self._finish = finish
        self._waiting = []
        self.closed = 0

    def prompt(self, question):
        return Prompt(question.problem, (7, 8))

    def submit(self, requests):
        self._waiting += requests

    def poll(self, timeout):
        del timeout
        done, self._waiting = self._waiting, []
        return [
            Generation(each.id, str(each.seed), (each.seed,), (1,), 1, 2, self._finish, "no memory")
            for each in reversed(done)
        ]

    def close(self):
        self.closed += 1


def opened(finish=FinishReason.STOP):
    engine, backend, started = Engine(), Backend(finish), []

    def start(folder: Path):
        started.append(folder)
        return backend, engine

    return VllmSampler(start, 16), engine, backend, started


def test_the_engine_starts_with_the_first_weights_and_every_later_ones_have_a_name_of_their_own(tmp_path):
    sampler, engine, backend, started = opened()
    with pytest.raises(BackendError, match="no weights yet"):
        sampler.sample([QUESTION], 1, [[1]])
    for version in (0, 1, 2, 2):
        sampler.load(version, tmp_path / f"version-{version}")
        assert sampler.version == version
    assert started == [tmp_path / "version-0"]
    names, numbers, _ = zip(*engine.adapters, strict=True)
    assert len(set(names)) == len(set(numbers)) == 3, "a version that comes again is new to the engine"
    assert 1 not in numbers, "the first adapter has that one"
    sampler.close()
    assert backend.closed == 1


def test_draws_come_back_by_prompt_and_number(tmp_path):
    sampler, _, _, _ = opened()
    sampler.load(0, tmp_path)
    drawn = sampler.sample([QUESTION, QUESTION], 2, [[1, 2], [3, 4]])
    assert [[each.text for each in group] for group in drawn] == [["1", "2"], ["3", "4"]]


def test_log_probabilities_are_asked_for_behind_the_prompt(tmp_path):
    sampler, engine, _, _ = opened()
    sampler.load(0, tmp_path)
    assert sampler.log_probs(QUESTION, (1, 2, 3)) == [-1.0] * 3
    assert engine.forced == [([7, 8, 1, 2, 3], 2)]


def test_a_draw_that_fails_and_weights_that_are_not_there_are_errors(tmp_path):
    sampler, _, _, _ = opened(FinishReason.ERROR)
    with pytest.raises(BackendError, match="reads weights from a folder"):
        sampler.load(0)
    sampler.load(0, tmp_path)
    with pytest.raises(BackendError, match="could not draw a solution: no memory"):
        sampler.sample([QUESTION], 1, [[1]])
