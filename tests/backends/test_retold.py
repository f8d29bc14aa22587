"""An engine of the plain skin asked about stories, beside the same engine asked in plain words."""

from dataclasses import replace

import pytest

from omega_fast.backends.opening import BackendSettings, open_backend
from omega_fast.backends.retold import RetoldBackend
from omega_fast.errors import InputError
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.records import FinishReason, Generation, GenerationRequest, Question, Sampling
from omega_fast.tasks.ledger import LedgerConfig, plain_telling, questions

STORY = "ann has 9 pens . bob has 1 pens . a bob finds 8 pens . b ann loses as many as bob . ?"
OPTIONS = {"model": str(ASSETS), "prompt": {"style": "plain", "text": "{problem}\n"}}


class Scripted:
    """Answers each request with a line, and keeps what it was asked."""

    slots = 4

    def __init__(self, text: str, ends: tuple[int, ...]) -> None:
        self.asked: list[GenerationRequest] = []
        self.cancelled: list[int] = []
        self._answer = (text, ends)
        self._waiting: list[int] = []

    def fingerprint(self):
        return {"model": "scripted"}

    def prompt(self, question):
        return question.problem

    def submit(self, requests):
        self.asked += requests
        self._waiting += [each.id for each in requests]

    def cancel(self, ids):
        self.cancelled += ids

    def poll(self, timeout):
        del timeout
        waiting, self._waiting = self._waiting, []
        text, ends = self._answer
        return [
            Generation(each, text, tuple(range(len(ends))), ends, len(ends), 9, FinishReason.STOP)
            for each in waiting
        ]

    def close(self):
        pass


def request(problem=STORY, prefix="", number=1):
    return GenerationRequest(number, Question("q", problem, None), prefix, None, 0, 32)


def told(text, ends, asked):
    engine = Scripted(text, ends)
    backend = RetoldBackend(engine)
    backend.submit([asked])
    (found,) = backend.poll(0)
    return engine, found


def test_problem_and_lines_go_in_plain_words_and_come_back_in_the_storys():
    engine, found = told("b x 9 - 9 = 0\n", (1, 3, 5, 7, 9, 11, 13, 14), request(prefix="a bob 1 + 8 = 9\n"))
    assert engine.asked[0].question.problem == "x is 9 . y is 1 . a y add 8 . b x take y . ?"
    assert engine.asked[0].prefix == "a y 1 + 8 = 9\n"
    assert found.text == "b ann 9 - 9 = 0\n"
    assert list(found.token_ends) == [1, 5, 7, 9, 11, 13, 15, 16]
    assert [found.text[:end] for end in found.token_ends][:2] == ["b", "b ann"]


def test_ends_inside_characters_and_of_later_lines_stay_where_their_tokens_end():
    _, found = told("a y 1\nb x 9 é\nanswer", (1, 3, 6, 7, 9, 11, -1, 14, 15, 21), request())
    assert found.text == "a bob 1\nb ann 9 é\nanswer"
    text = found.text.encode()
    pieces = [text[:end].decode() for end in found.token_ends if end >= 0]
    assert pieces[1:5] == ["a bob", "a bob 1\n", "a bob 1\nb", "a bob 1\nb ann"]
    assert pieces[-1] == found.text
    assert list(found.token_ends)[6] == -1


@pytest.mark.parametrize("text", ["answer 9 1\n", "", "a", "a y", "\n\n", "q q q q"])
def test_what_names_no_register_comes_back_as_it_was_written(text):
    _, found = told(text, (len(text),), request())
    assert (found.text, list(found.token_ends)) == (text, [len(text)])


def test_a_plain_problem_passes_as_it_is():
    plain = plain_telling(STORY).text
    engine, found = told("a y 1 + 8 = 9\n", (14,), request(plain))
    assert engine.asked[0].question.problem == plain
    assert found.text == "a y 1 + 8 = 9\n"


def test_what_is_no_ledger_problem_is_refused_and_the_engine_goes_on():
    engine = Scripted("a y 1 + 8 = 9\n", ())
    backend = RetoldBackend(engine)
    backend.submit([request("what is 2 + 2 ?", number=1), request(number=2), request("no", number=3)])
    backend.cancel([3])
    found = {each.id: each for each in backend.poll(0)}
    assert found.keys() == {1, 2}
    assert (found[1].finish, found[2].text) == (FinishReason.ERROR, "a bob 1 + 8 = 9\n")
    assert found[1].error
    assert engine.cancelled == [3]
    with pytest.raises(InputError):
        backend.prompt(Question("q", "what is 2 + 2 ?", None))


def test_the_embedded_policy_solves_stories_as_it_solves_them_in_plain_words():
    asked = list(questions(LedgerConfig(skin="story"), 12, 0, "test"))
    found = {}
    for reads_plain in (True, False):
        settings = BackendSettings(name="hf", options=OPTIONS, reads_plain=reads_plain)
        backend = open_backend(settings, Sampling(0.0, 0, 1.0, 96))
        try:
            for number, question in enumerate(asked):
                problem = question.problem if reads_plain else plain_telling(question.problem).text
                backend.submit(
                    [GenerationRequest(number, replace(question, problem=problem), "", None, 0, 96)]
                )
            answers = []
            while len(answers) < len(asked):
                answers += backend.poll(1.0)
            found[reads_plain] = {each.id: each for each in answers}
        finally:
            backend.close()
    right = 0
    for number, question in enumerate(asked):
        story, plain = found[True][number].text, found[False][number].text
        telling = plain_telling(question.problem)
        assert "".join(telling.there(line) for line in story.splitlines(keepends=True)) == plain
        ends = found[True][number].token_ends
        assert ends[-1] == len(story.encode())
        right += story.strip().endswith(f"answer {question.answer}")
    assert right > len(asked) / 2
