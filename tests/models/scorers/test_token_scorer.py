"""A checkpoint behind `/pooling`: the scores of the model in torch, and every way in which a server fails."""

from __future__ import annotations

import json
import threading

import pytest
import torch
from transformers import AutoModelForTokenClassification

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.models.base import QueuedScorer
from omega_fast.models.prm import PRM, load_prm
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import load_classifier, load_tokenizer
from omega_fast.models.scorers import ScorerOptions, load_scorer
from tests.backends.tiny_checkpoints import save_checkpoint
from tests.models.scorers.shaped import SOLUTIONS as SHAPED
from tests.models.scorers.shaped import qwen
from tests.models.scorers.stub_server import Reply

SOLUTIONS = [
    ("x is 9 . ?", ["a y 1 + 8 = 9\n", "b x 9 - 2 = 7\n"]),
    ("x is 9 . y is 1 . ?", ["answer 7 9\n"]),
    ("y ?", ["a y 1 + 8 = 9\n", "naïve café\n", "b x 9 - 2 = 7\n", "answer\n"]),
]
LONG = ("x is 9 . " * 60, ["a y 1 + 8 = 9\n"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A checkpoint for each head, as training saves it."""
    base = save_checkpoint(tmp_path_factory.mktemp("base") / "llama", "llama")
    made = {}
    for head in ("token-cls", "value"):
        torch.manual_seed(0)
        card = PrmCard(head=head, separator="\n", template=PromptTemplate(style="plain", text="{problem}\n"))
        made[head] = str(tmp_path_factory.mktemp("prm") / head)
        PRM(load_classifier(str(base), head), load_tokenizer(str(base)), card).save(made[head])
    return made


@pytest.fixture(scope="module")
def pooled(folders):
    """What vLLM's `/pooling` answers: for each token the activated classes."""
    models = {head: AutoModelForTokenClassification.from_pretrained(each) for head, each in folders.items()}
    lock = threading.Lock()

    def answer(ask, head="token-cls"):
        assert ask.path == "/pooling"
        assert ask.body["task"] == "token_classify"
        with lock, torch.inference_mode():
            logits = models[head](torch.tensor([ask.body["input"]])).logits[0]
        rows = logits.softmax(-1) if logits.shape[-1] == 2 else logits.sigmoid()
        return {"data": [{"index": 0, "data": rows.tolist()}]}

    return answer


@pytest.fixture
def scorer_at(folders, asking):
    opened = []

    def open_at(server, **more):
        opened.append(load_scorer(folders["token-cls"], options=asking(server, **more)))
        return opened[-1]

    yield open_at
    for each in opened:
        each.close()


@pytest.mark.parametrize("head", ["token-cls", "value"])
def test_a_served_checkpoint_scores_as_the_one_in_torch(folders, pooled, serve, asking, head):
    server = serve(lambda ask: pooled(ask, head))
    scorer = load_scorer(folders[head], options=asking(server))
    found = scorer.score_many(SOLUTIONS)
    scorer.close()
    for row, wanted in zip(found, load_prm(folders[head]).score_many(SOLUTIONS), strict=True):
        assert row == pytest.approx(wanted, abs=1e-5)
    assert len(server.asks) == 1 + len(SOLUTIONS), "one request tries the server, then one a solution"
    assert all(ask.body["model"] == "prm" for ask in server.asks)


@pytest.mark.parametrize("shape", ["auto", "qwen-prm"])
@pytest.mark.parametrize("tells", ["every token", "the marked ones"])
def test_a_served_checkpoint_like_qwens_scores_as_the_one_in_torch(tmp_path, serve, asking, shape, tells):
    folder, model, head = qwen(tmp_path / "qwen")
    marker = load_tokenizer(str(folder)).convert_tokens_to_ids("<extra_0>")

    @torch.inference_mode()
    def answer(ask):
        ids = torch.tensor([ask.body["input"]])
        rows = head(model(ids).last_hidden_state[0]).softmax(-1)
        kept = rows[ids[0] == marker] if tells == "the marked ones" else rows
        return {"data": [{"index": 0, "data": kept.tolist()}]}

    scorer = load_scorer(str(folder), shape, asking(serve(answer), slots=1))
    found = scorer.score_many(SHAPED)
    with pytest.raises(InputError, match="hold the marker <extra_0>"):
        scorer.score_many([("x?", ["a <extra_0> b"])])
    scorer.close()
    for row, wanted in zip(found, load_scorer(str(folder)).score_many(SHAPED), strict=True):
        assert row == pytest.approx(wanted, abs=1e-5)


def test_many_solutions_are_in_flight_and_no_more_than_there_are_slots(pooled, serve, scorer_at):
    together = threading.Barrier(3)

    def answer(ask):
        if len(server.asks) > 1:
            together.wait(20)
        return pooled(ask)

    server = serve(answer)
    scorer = scorer_at(server, slots=3)
    assert isinstance(scorer, QueuedScorer)
    futures = [scorer.submit(*solution) for solution in SOLUTIONS * 4]
    assert [len(each.result(30)) for each in futures] == [2, 1, 4] * 4
    assert server.most_at_once == 3


def test_one_that_is_too_long_is_told_and_the_others_are_scored(pooled, serve, scorer_at):
    server = serve(pooled)
    scorer = scorer_at(server)
    first, long, last = scorer.score_each([SOLUTIONS[0], LONG, SOLUTIONS[1]])
    assert (len(first), len(last)) == (2, 1)
    assert isinstance(long, InputError)
    assert "tokens" in long.message
    assert len(server.asks) == 3, "what is too long is not sent"
    with pytest.raises(InputError, match="tokens"):
        scorer.score_many([SOLUTIONS[0], LONG])


def test_the_server_may_take_less_than_the_model(pooled, serve, scorer_at):
    scorer = scorer_at(serve(pooled, models={"prm": 12}))
    with pytest.raises(InputError, match="there may be 12"):
        scorer.score_many(SOLUTIONS[2:])


def rows(change):
    """An answer whose rows are changed."""

    def edited(whole):
        return {"data": [{"data": change(whole["data"][0]["data"])}]}

    return edited


FAULTS = {
    "429": (lambda _: Reply(429, b'{"error": "slow down"}'), "HTTP 429: slow down"),
    "500": (lambda _: Reply(500, b'{"error": {"message": "oom"}}'), "HTTP 500: oom"),
    "502": (lambda _: Reply(502, b"<html>"), "HTTP 502"),
    "a timeout": (lambda _: Reply(how="hang"), "no answer within 2 s"),
    "half an answer": (lambda whole: Reply(content=json.dumps(whole).encode(), how="cut"), "RemoteProtocol"),
    "broken JSON": (lambda whole: json.dumps(whole).encode()[:-9], "the answer is not JSON"),
    "no JSON": (lambda _: b"<html>fine</html>", "the answer is not JSON"),
    "NaN": (rows(lambda r: [[float("nan")] * 2] * len(r)), "the answer is not JSON"),
    "NaN as null": (rows(lambda r: [[None, None]] * len(r)), "None where a score should stand"),
    "truth values": (rows(lambda r: [[True, False]] * len(r)), "True where a score should stand"),
    "infinity": (lambda w: json.dumps(rows(lambda r: [[1e999, 0]] * len(r))(w)).encode(), "not JSON"),
    "logits": (rows(lambda r: [[-3.5, 4.0]] * len(r)), "where probabilities should stand"),
    "no distribution": (rows(lambda r: [[0.9, 0.9]] * len(r)), "where probabilities should stand"),
    "a token too few": (rows(lambda r: r[1:]), r"scores \d+ tokens instead of \d+ tokens"),
    "no tokens": (rows(lambda r: []), r"scores 0 tokens"),
    "one vector": (rows(lambda r: [0.1] * len(r)), "something else for a token"),
    "three classes": (rows(lambda r: [[0.2, 0.3, 0.5]] * len(r)), "3 numbers for a token of a model with 2"),
    "one class": (rows(lambda r: [[0.5]] * len(r)), "1 numbers for a token"),
    "no sequence": (lambda _: {"data": []}, "does not hold the scores of one sequence"),
    "two sequences": (lambda w: {"data": w["data"] * 2}, "does not hold the scores of one sequence"),
    "another answer": (lambda _: {"choices": [{"text": "2"}]}, "does not hold the scores"),
    "a list": (lambda _: [1], "does not hold the scores"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_tried_again(pooled, serve, scorer_at, fault):
    change, _ = FAULTS[fault]
    server = serve(lambda ask: pooled(ask) if len(server.asks) != 2 else change(pooled(ask)))
    scorer = scorer_at(server, request_timeout=2.0 if fault == "a timeout" else 20.0)
    assert len(scorer.score_many(SOLUTIONS[:1])[0]) == 2
    assert [ask.tries for ask in server.asks[1:]] == [1, 2]
    assert scorer.counts()["retries"] == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_only_fails_is_given_up_with_what_it_said(pooled, serve, scorer_at, fault):
    change, message = FAULTS[fault]
    server = serve(lambda ask: pooled(ask) if len(server.asks) == 1 else change(pooled(ask)))
    scorer = scorer_at(server, request_timeout=2.0 if fault == "a timeout" else 20.0)
    with pytest.raises(BackendError, match=message):
        scorer.score_many(SOLUTIONS)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "429"])
def test_a_server_that_fails_at_one_solution_scores_the_others(folders, pooled, serve, scorer_at, fault):
    change, message = FAULTS[fault]
    bad = load_prm(folders["token-cls"]).encoder.encode(*SOLUTIONS[1]).ids
    server = serve(lambda ask: change(pooled(ask)) if ask.body["input"] == list(bad) else pooled(ask))
    scorer = scorer_at(server, request_timeout=2.0 if fault == "a timeout" else 20.0)
    one, two, three = scorer.score_each(SOLUTIONS)
    assert (len(one), len(three)) == (2, 4)
    assert isinstance(two, InputError)
    with pytest.raises(InputError, match=message):
        raise two


def test_what_the_server_refuses_is_not_tried_again(folders, pooled, serve, scorer_at):
    bad = list(load_prm(folders["token-cls"]).encoder.encode(*SOLUTIONS[1]).ids)
    refusal = Reply(400, b'{"error": {"message": "no such token"}}')
    server = serve(lambda ask: refusal if ask.body["input"] == bad else pooled(ask))
    scorer = scorer_at(server)
    with pytest.raises(InputError, match="refuses it: HTTP 400: no such token"):
        scorer.score_many(SOLUTIONS)
    assert sum(ask.body["input"] == bad for ask in server.asks) == 1


STARTS = {
    "no pooling": (lambda _: Reply(404, b'{"detail": "Not Found"}'), "HTTP 404: Not Found"),
    "a policy": (lambda _: Reply(400, b'{"message": "Unsupported task"}'), "HTTP 400: Unsupported task"),
    "an embedding": (
        lambda ask: {"data": [{"data": [[0.1] * 64] * len(ask.body["input"])}]},
        "64 numbers for a token",
    ),
    "always busy": (lambda _: Reply(429, b"{}"), "HTTP 429"),
}


@pytest.mark.parametrize("start", STARTS)
def test_a_server_that_cannot_score_is_refused_at_the_start(serve, scorer_at, start):
    answer, message = STARTS[start]
    with pytest.raises(BackendError, match=message):
        scorer_at(serve(answer))


def test_a_server_that_is_not_there_is_named(scorer_at):
    with pytest.raises(BackendError, match=r"no server answers at http://127\.0\.0\.1:9/v1"):
        scorer_at("http://127.0.0.1:9/v1")


def test_of_several_models_one_is_named(pooled, serve, scorer_at):
    server = serve(pooled, models={"a": 512, "b": None})
    with pytest.raises(BackendError, match="serves 2 models") as caught:
        scorer_at(server)
    assert "a, b" in caught.value.hint
    with pytest.raises(BackendError, match="does not serve 'c'"):
        scorer_at(server, model="c")
    scorer_at(server, model="b").score_many(SOLUTIONS)
    assert {ask.body["model"] for ask in server.asks} == {"b"}


def test_a_server_that_lists_no_models_is_asked_without_a_name(pooled, serve, scorer_at):
    server = serve(pooled, lists_models=False)
    scorer_at(server).score_many(SOLUTIONS)
    assert all("model" not in ask.body for ask in server.asks)


def test_the_key_is_sent_and_never_shown(pooled, serve, scorer_at, monkeypatch):
    server = serve(pooled, key="sk-right")
    monkeypatch.setenv("PRM_KEY", "sk-right")
    scorer_at(server, api_key_env="PRM_KEY").score_many(SOLUTIONS)
    monkeypatch.setenv("PRM_KEY", "sk-canary")
    with pytest.raises(BackendError, match="HTTP 401") as caught:
        scorer_at(server, api_key_env="PRM_KEY")
    assert "canary" not in str(caught.value)


def test_after_closing_nothing_is_asked(pooled, serve, scorer_at):
    scorer = scorer_at(serve(pooled))
    scorer.close()
    scorer.close()
    with pytest.raises(BackendError, match="closed"):
        scorer.score_many(SOLUTIONS)


def test_closing_gives_up_what_is_in_flight(pooled, serve, scorer_at):
    server = serve(lambda ask: pooled(ask) if len(server.asks) == 1 else Reply(how="hang"))
    scorer = scorer_at(server)
    future = scorer.submit(*SOLUTIONS[0])
    scorer.close()
    assert future.cancelled()


def test_what_is_no_token_classifier_is_refused(tmp_path, folders, serve, pooled, asking):
    options = asking(serve(pooled))
    with pytest.raises(BackendError, match=r"has no prm\.json"):
        load_scorer(str(save_checkpoint(tmp_path / "plain", "llama")), options=options)
    PrmCard(head="ntp", prm_token="a").write(tmp_path / "plain")
    with pytest.raises(ConfigError, match="is ntp, which is no token classifier"):
        load_scorer(str(tmp_path / "plain"), options=options)
    with pytest.raises(ConfigError, match="shape rlhflow is scored in torch alone"):
        load_scorer(folders["token-cls"], "rlhflow", options)


def test_options_that_contradict_each_other_are_refused(asking):
    with pytest.raises(ConfigError, match="there is no engine 'tpu'"):
        ScorerOptions(engine="tpu")
    with pytest.raises(ConfigError, match="a server is named, and an engine"):
        asking("http://127.0.0.1:9/v1", engine="vllm")
    with pytest.raises(ConfigError, match="engine_args are for vLLM"):
        ScorerOptions(engine_args={"max_num_seqs": 2})
