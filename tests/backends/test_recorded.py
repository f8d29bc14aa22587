from dataclasses import replace

import pytest

from omega_fast.backends.base import Backend
from omega_fast.backends.recorded import RecordedBackend
from omega_fast.errors import BackendError
from omega_fast.records import FinishReason, GenerationRequest, Question

SOLUTIONS = {"a": ["first of a", "second"], "b": ["b's only one"]}


def ask(id_: int, question_id: str, prefix: str = "", seed: int = 0) -> GenerationRequest:
    question = Question(id=question_id, problem=f"problem {question_id}", answer=None)
    return GenerationRequest(id_, question, prefix, None, seed=seed, max_new_tokens=100)


def test_it_is_a_backend():
    assert isinstance(RecordedBackend(SOLUTIONS), Backend)


def test_asks_at_the_root_get_the_texts_of_their_question_in_order():
    backend = RecordedBackend(SOLUTIONS)
    backend.submit([ask(1, "a", seed=9), ask(2, "b", seed=9)])
    backend.submit([ask(3, "a", seed=9)])
    assert [(g.id, g.text) for g in backend.poll(0)] == [
        (1, "first of a"),
        (2, "b's only one"),
        (3, "second"),
    ]


def test_a_text_has_words_for_tokens_and_no_ids():
    backend = RecordedBackend(SOLUTIONS)
    backend.submit([ask(1, "a")])
    (generation,) = backend.poll(0)
    assert (generation.n_tokens, generation.token_ids, generation.finish) == (3, (), FinishReason.STOP)


@pytest.mark.parametrize("unknown", [ask(7, "c"), ask(7, "b", prefix="b's")])
def test_what_was_not_recorded_is_an_error(unknown):
    backend = RecordedBackend(SOLUTIONS)
    backend.submit([unknown])
    (generation,) = backend.poll(0)
    assert (generation.finish, generation.error) == (FinishReason.ERROR, "no recorded continuation")


def test_asks_beyond_the_recording_are_errors():
    backend = RecordedBackend(SOLUTIONS)
    backend.submit([ask(1, "b"), ask(2, "b")])
    assert [g.finish for g in backend.poll(0)] == [FinishReason.STOP, FinishReason.ERROR]


def test_continuations_belong_to_their_prefix():
    backend = RecordedBackend(SOLUTIONS, {("a", "first"): [" of a", " of all"]})
    backend.submit([ask(1, "a", prefix="first"), ask(2, "a"), ask(3, "a", prefix="first")])
    assert [g.text for g in backend.poll(0)] == [" of a", "first of a", " of all"]


def test_a_run_is_played_back_by_question_prefix_and_seed():
    backend = RecordedBackend.from_generations(
        {("a", "", 5): "five", ("a", "", 6): "six", ("a", "x", 5): "x"}
    )
    backend.submit([ask(1, "a", seed=6), ask(2, "a", "x", seed=5), ask(3, "a", seed=6), ask(4, "a", seed=7)])
    assert [g.text for g in backend.poll(0)] == ["six", "x", "six", ""]


def test_an_empty_text_that_was_recorded_is_no_error():
    backend = RecordedBackend({"a": [""]})
    backend.submit([ask(1, "a")])
    assert backend.poll(0)[0].finish is FinishReason.STOP


def test_a_shuffle_changes_the_order_of_arrival_alone():
    requests = [ask(id_, "q", seed=id_) for id_ in range(30)]
    recording = {("q", "", id_): f"text {id_}" for id_ in range(30)}
    orders = []
    for seed in (None, 1, 1, 2):
        backend = RecordedBackend.from_generations(recording, shuffle_seed=seed)
        backend.submit(requests)
        orders.append([(g.id, g.text) for g in backend.poll(0)])
    plain, one, again, two = orders
    assert one == again
    assert len({tuple(order) for order in (plain, one, two)}) == 3
    assert sorted(one) == sorted(two) == plain


def test_a_cancelled_request_never_comes_back():
    backend = RecordedBackend(SOLUTIONS)
    backend.submit([ask(1, "a"), ask(2, "a")])
    backend.cancel([1, 55])
    assert [(g.id, g.text) for g in backend.poll(0)] == [(2, "second")]


def test_the_prompt_is_the_problem():
    assert RecordedBackend({}).prompt(ask(1, "a").question).text == "problem a"


def test_fingerprints_tell_recordings_apart():
    same = RecordedBackend(dict(reversed(SOLUTIONS.items())))
    other = RecordedBackend({"a": ["first of a", "second"]})
    by_seed = RecordedBackend.from_generations({("a", "", 0): "first of a", ("a", "", 1): "second"})
    assert same.fingerprint() == RecordedBackend(SOLUTIONS).fingerprint()
    assert other.fingerprint() not in (same.fingerprint(), by_seed.fingerprint())


def test_a_closed_backend_refuses_work_and_closes_twice():
    backend = RecordedBackend(SOLUTIONS)
    backend.close()
    backend.close()
    with pytest.raises(BackendError, match="closed"):
        backend.submit([ask(1, "a")])


def test_a_request_with_a_stop_text_gets_the_text_up_to_it():
    backend = RecordedBackend({"a": ["one\ntwo\n"]})
    backend.submit([replace(ask(1, "a"), stop=("\n",))])
    (generation,) = backend.poll(0)
    assert (generation.text, generation.finish) == ("one\n", FinishReason.STOP)
