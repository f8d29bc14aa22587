"""Generative models behind a scripted server: what they write is read strictly, and odds are those of the tokens."""

from __future__ import annotations

import math

import pytest

from omega_fast.errors import BackendError, ConfigError
from omega_fast.models.base import QueuedScorer
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.scorers import ScorerOptions, load_scorer
from omega_fast.models.scorers.options import Judging
from tests.models.scorers.stub_server import Reply

STEPS = ["a y 1 + 8 = 9\n", "b x 9 - 2 = 7\n", "answer 7 9\n"]
OPENS, CLOSES = "<judge>\nso\n</judge>\n<output>\n\\boxed{", "}\n</output>"


def critique(sign, odds=None, finish="stop", opens=OPENS, closes=CLOSES):
    """An answer with its tokens; `odds` are listed where the sign stands."""
    tokens = [(opens, {}), (sign, odds or {sign: 0.9, "-" if sign == "+" else "+": 0.1}), (closes, {})]
    rows = [
        {
            "token": token,
            "logprob": 0.0,
            "top_logprobs": [
                {"token": each, "logprob": math.log(p)} for each, p in (listed or {token: 1.0}).items()
            ],
        }
        for token, listed in tokens
    ]
    message = {"role": "assistant", "content": opens + sign + closes}
    usage = {"prompt_tokens": 100, "completion_tokens": 9}
    return {
        "choices": [{"message": message, "finish_reason": finish, "logprobs": {"content": rows}}],
        "usage": usage,
    }


def step_of(ask):
    return sum(each["role"] == "user" for each in ask.body["messages"]) - 1


@pytest.fixture
def open_at(asking):
    opened = []

    def at(server, shape="generative", samples=1, **more):
        options = asking(server, judging=Judging(samples=samples, max_new_tokens=64), **more)
        opened.append(load_scorer("judge:8b", shape, options))
        return opened[-1]

    yield at
    for each in opened:
        each.close()


def test_each_step_is_asked_about_after_the_models_own_critiques_of_those_before(serve, open_at):
    server = serve(lambda ask: critique("+-"[step_of(ask) == 1]), models={"judge:8b": None})
    scorer = open_at(server)
    assert isinstance(scorer, QueuedScorer)
    assert scorer.score_many([("p", STEPS)])[0] == pytest.approx([0.9, 0.1, 0.9])
    asked = [ask.body["messages"] for ask in server.asks[1:]]
    assert [each["content"] for each in asked[-1]] == [
        "p\na y 1 + 8 = 9",
        OPENS + "+" + CLOSES,
        "b x 9 - 2 = 7",
        OPENS + "-" + CLOSES,
        "answer 7 9",
    ]
    assert all(ask.body["temperature"] == 0 for ask in server.asks[1:])
    assert all(ask.body["max_tokens"] == 64 for ask in server.asks[1:])


@pytest.mark.parametrize(("signs", "scores"), [("+-?", [0.9, 0.1, 0.1]), ("-?-", [0.1, 0.1, 0.1])])
def test_what_is_written_behind_a_wrong_step_costs_no_scores(serve, open_at, signs, scores):
    def answer(ask):
        sign = signs[step_of(ask)]
        return critique("", opens="any", closes="thing") if sign == "?" else critique(sign)

    scorer = open_at(serve(answer, models={"judge:8b": None}))
    assert scorer.score_many([("p", STEPS)])[0] == pytest.approx(scores)


def test_a_beginning_that_is_known_is_not_asked_for_again(serve, open_at):
    server = serve(lambda _: critique("+"), models={"judge:8b": None})
    scorer = open_at(server)
    scorer.score_many([("p", STEPS[:2]), ("p", STEPS[:2]), ("q", STEPS[:1])])
    assert len(server.asks) == 1 + 3
    scorer.score_many([("p", [*STEPS[:2], "answer 1\n"])])
    assert len(server.asks) == 1 + 4
    assert scorer.counts()["replies"] == 4
    assert scorer.submit("p", STEPS[:2]).result(30) == pytest.approx([0.9, 0.9])
    assert len(server.asks) == 1 + 4


def test_the_first_wrong_step_of_a_sample_ends_it_and_the_majority_is_left_to_the_benchmark(serve, open_at):
    def answer(ask):
        wrong = step_of(ask) == 1 and ask.body.get("seed", 0) % 2
        return critique("-" if wrong else "+")

    server = serve(answer, models={"judge:8b": None})
    scorer = open_at(server, "critic", samples=8)
    (verdicts,) = scorer.verdicts_each([("p", STEPS)])
    assert set(verdicts) == {1, -1}
    assert scorer.score_many([("p", STEPS)])[0] == pytest.approx([1.0, *[verdicts.count(-1) / 8] * 2])
    asks = [ask for ask in server.asks if "seed" in ask.body]
    assert len(asks) == 8 * 2 + verdicts.count(-1), "asked once, and not behind a wrong step"
    assert {ask.body["temperature"] for ask in asks} == {0.7}
    assert len({ask.body["seed"] for ask in asks}) == len(asks)


UNREADABLE = {
    "empty": critique("", opens="", closes=""),
    "cut off": critique("+", finish="length"),
    "both verdicts": critique("+", closes="}\n</output>\n<output>\\boxed{-}</output>"),
    "more than a verdict": critique("+", closes="}\n</output> and \\boxed{-}"),
    "a megabyte": critique("+", opens="<output>" * 2**17 + "\\boxed{"),
    "a verdict in the tool's words alone": critique("+", opens="<verify>\n\\boxed{", closes="}\n</verify>"),
}


@pytest.mark.parametrize("said", UNREADABLE.values(), ids=UNREADABLE)
def test_a_reply_without_one_verdict_gives_no_score_and_no_vote(serve, open_at, said):
    server = serve(lambda _: said, models={"judge:8b": None})
    (row,) = open_at(server).score_each([("p", STEPS)])
    assert "the reply to step 1 has no verdict that can be read" in row.message
    scorer = open_at(server, "critic")
    assert scorer.verdicts_each([("p", STEPS)]) == [[None]]
    assert scorer.counts()["without_a_verdict"] == 1


def test_odds_that_cannot_be_known_are_not_made_up(serve, open_at):
    server = serve(lambda _: critique("+", {"+": 0.5, "x": 0.2, "y": 0.1}), models={"judge:8b": None})
    (row,) = open_at(server).score_each([("p", STEPS)])
    assert "nothing says how likely the other verdict on step 1 is" in row.message


def test_a_sign_inside_a_longer_token_is_compared_with_the_same_token_of_the_other_sign(serve, open_at):
    def answer(_):
        body = critique("+")
        content = body["choices"][0]["logprobs"]["content"]
        content[0]["token"] = OPENS.removesuffix("{")
        content[1] |= {
            "token": "{+",
            "top_logprobs": [
                {"token": "{+", "logprob": math.log(0.6)},
                {"token": "{-", "logprob": math.log(0.2)},
            ],
        }
        return body

    (row,) = open_at(serve(answer, models={"judge:8b": None})).score_each([("p", STEPS[:1])])
    assert row == pytest.approx([0.75])


@pytest.mark.parametrize(
    "broken",
    [{}, {"choices": []}, {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}, Reply(500)],
    ids=["nothing", "no choice", "no log-probabilities", "an error"],
)
def test_a_server_that_does_not_do_what_it_is_asked_for_is_told_at_once(serve, open_at, broken):
    with pytest.raises(BackendError):
        open_at(serve(lambda _: broken, models={"judge:8b": None}))


def test_an_answer_that_is_broken_once_is_asked_for_again(serve, open_at):
    server = serve(
        lambda ask: {} if step_of(ask) == 1 and ask.tries == 1 else critique("+"), models={"judge:8b": None}
    )
    assert open_at(server).score_many([("p", STEPS)])[0] == pytest.approx([0.9] * 3)


def test_a_folders_card_says_what_the_server_calls_it_and_how_long_a_reply_may_be(serve, asking, tmp_path):
    folder = tmp_path / "merged"
    folder.mkdir()
    PrmCard(head="generative", separator="\n", reply_tokens=32).write(folder)
    server = serve(lambda _: critique("+"), models={"merged": None})
    scorer = load_scorer(str(folder), options=asking(server))
    assert scorer.score_many([("p", STEPS)])[0] == pytest.approx([0.9] * 3)
    assert server.asks[-1].body["model"] == "merged"
    assert server.asks[-1].body["max_tokens"] == 32
    scorer.close()


def test_another_head_and_an_engine_that_cannot_are_refused(tmp_path):
    PrmCard(head="value").write(tmp_path)
    with pytest.raises(ConfigError, match=r"head of .* is value"):
        load_scorer(str(tmp_path), "generative")
    PrmCard(head="generative").write(tmp_path)
    with pytest.raises(ConfigError, match="asked over a server") as refused:
        load_scorer(str(tmp_path), options=ScorerOptions(engine="vllm"))
    assert "omega serve --reward" in refused.value.hint


@pytest.mark.parametrize("steps", [[], ["a", " "]])
def test_a_solution_without_steps_or_with_a_blank_one_is_not_asked_about(serve, open_at, steps):
    server = serve(lambda _: critique("+"), models={"judge:8b": None})
    (row,) = open_at(server).score_each([("p", steps)])
    assert "step" in row.message
    assert len(server.asks) == 1
