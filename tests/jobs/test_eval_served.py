"""ProcessBench over a server: by majority of verdicts, by odds, by scores; gone on with where it was left."""

from __future__ import annotations

import json
import math
import re

import pytest

from omega_fast.backends.server_settings import ServedModel
from omega_fast.errors import BackendError, ConfigError, RunConflictError
from omega_fast.jobs.eval_processbench import eval_processbench
from omega_fast.jobs.evaluation import ScorerOptions
from omega_fast.models.scorers.options import Judging
from tests.eval.stubs import located, read, write
from tests.models.scorers.stub_server import Reply, StubServer

_NUMBER = re.compile(r"problem (\d+) of gsm8k")


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers = []

    def start(answer):
        servers.append(StubServer(answer, models={"judge": None}))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def asking(server, samples=1, **more):
    patience = {"retries": 1, "first_wait": 0.001, "longest_wait": 0.2}
    return ScorerOptions(
        server=ServedModel(base_url=server.url, **patience), judging=Judging(samples=samples), **more
    )


def judge(verdicts_of):
    """Answers with the verdicts on row `number`, one a sample."""
    seen = {}

    def answer(ask):
        prompt = ask.body["messages"][0]["content"]
        found = _NUMBER.search(prompt)
        text = "2"
        if found:
            at = seen.setdefault(prompt, []).__len__()
            seen[prompt].append(ask)
            verdicts = verdicts_of(int(found[1]))
            if isinstance(verdicts, Reply):
                return verdicts
            text = verdicts[at % len(verdicts)]
        return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}

    return answer


LABELS = [2, -1, 0, -1]
SAID = [
    ["\\boxed{1}", "\\boxed{2}", "\\boxed{2}"],
    ["what?", "\\boxed{-1}", "\\boxed{7}"],
    ["?"] * 3,
    ["\\boxed{0}"] * 3,
]


def test_a_judge_is_judged_by_the_majority_of_its_verdicts(serve, tmp_path):
    rows = write(tmp_path / "rows.jsonl", [located(at, label) for at, label in enumerate(LABELS)])
    server = serve(judge(lambda number: SAID[number]))
    options = asking(server, samples=3)
    done = eval_processbench([rows], scorer="judge", shape="judge", options=options, output=tmp_path / "out")
    figures = done.results["subsets"]["gsm8k"]
    # Of the errors 2 and 0 the first is found, of two right solutions one is left alone
    assert (figures["acc_err"], figures["acc_ok"], figures["f1"]) == (0.5, 0.5, 0.5)
    assert (done.results["samples"], done.results["unreadable_verdicts"]) == (3, 5)
    assert "threshold" not in done.results
    told = read(tmp_path / "out/rows.jsonl")
    assert [row["prediction"] for row in told] == [2, -1, None, 0]
    assert sorted(map(str, told[1]["verdicts"])) == ["-1", "None", "None"]
    assert len(server.asks) == 1 + 4 * 3
    again = eval_processbench([rows], scorer="judge", shape="judge", options=options, output=tmp_path / "out")
    assert again.results == done.results
    assert len(server.asks) == 2 + 4 * 3, "what was said is not asked again"
    with pytest.raises(RunConflictError, match="another scorer"):
        eval_processbench(
            [rows], scorer="judge", shape="judge", options=asking(server, 5), output=tmp_path / "out"
        )
    with pytest.raises(ConfigError, match="a judge has no threshold"):
        eval_processbench(
            [rows], scorer="judge", shape="judge", options=options, output=tmp_path / "out", threshold=0.5
        )


def test_rows_that_the_server_refuses_are_set_aside_with_its_reason(serve, tmp_path):
    rows = write(tmp_path / "rows.jsonl", [located(at, -1) for at in range(5)])
    refusal = Reply(400, b'{"error": {"message": "context of 8 tokens"}}')
    server = serve(judge(lambda number: refusal if number == 3 else ["\\boxed{-1}"]))
    done = eval_processbench(
        [rows], scorer="judge", shape="judge", options=asking(server), output=tmp_path / "out"
    )
    assert (done.rows, done.quarantined) == (4, 1)
    assert "refuses it: HTTP 400: context of 8 tokens" in read(done.quarantine)[0]["reason"]
    assert len(server.asks) == 1 + 5 + 1, (
        "the others are not asked for again; one tells whether the server is well"
    )


def test_a_server_that_dies_stops_and_the_next_start_goes_on(serve, tmp_path):
    rows = write(tmp_path / "rows.jsonl", [located(at, -1) for at in range(100)])
    dead = []
    good = judge(lambda _: ["\\boxed{-1}"])
    server = serve(
        lambda ask: Reply(500, b"{}") if dead or (len(server.asks) > 80 and not dead.append(1)) else good(ask)
    )
    arguments = {"scorer": "judge", "shape": "judge", "options": asking(server), "output": tmp_path / "out"}
    with pytest.raises(BackendError, match="is gone"):
        eval_processbench([rows], **arguments)
    kept = len(read(tmp_path / "out/scores-0.jsonl")) - 1
    assert kept == 64
    server.answer, before = good, len(server.asks)
    assert eval_processbench([rows], **arguments).rows == 100
    assert len(server.asks) - before == 1 + 100 - kept


def test_odds_are_scores_with_a_threshold(serve, tmp_path):
    def answer(ask):
        prompt = ask.body["messages"][0]["content"]
        found = re.search(r"last step, number (\d+)", prompt)
        right = 0.2 if found and int(found[1]) == int(_NUMBER.search(prompt)[1]) else 0.8
        top = [{"token": t, "logprob": math.log(p)} for t, p in (("Right", right), ("Wrong", 1 - right))]
        return {"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}

    rows = write(tmp_path / "rows.jsonl", [located(0, 0), located(1, 1), located(9, -1)])
    done = eval_processbench(
        [rows], scorer="judge", shape="right-wrong", options=asking(serve(answer)), output=tmp_path / "out"
    )
    assert done.results["average_f1"] == 1.0
    assert read(tmp_path / "out/rows.jsonl")[1]["scores"] == pytest.approx([0.8, 0.2, 0.8, 0.8])
    assert done.asked["scored"] == 3


def test_the_command_line_names_a_judge_and_its_server(serve, tmp_path, monkeypatch):
    pytest.importorskip("omega_fast._core", reason="needs the compiled core")
    from typer.testing import CliRunner

    from omega_fast.cli.app import app

    rows = write(tmp_path / "rows.jsonl", [located(at, label) for at, label in enumerate(LABELS)])
    server = serve(judge(lambda number: SAID[number]))
    arguments = [
        "eval",
        "processbench",
        str(rows),
        "--prm",
        "judge",
        "--shape",
        "judge",
        "--judge-samples",
        "3",
    ]
    arguments += ["--base-url", server.url, "--slots", "2", "-o", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["results"]["average_f1"] == 0.5
    assert server.most_at_once <= 2


def test_a_search_asks_a_served_model_once_for_each_step(serve, tmp_path):
    from omega_fast.config import resolve
    from omega_fast.jobs import eval_guided
    from omega_fast.jobs.guided_settings import run_overrides
    from tests.engine.fakes import FakeEngine, Knobs, questions

    def answer(ask):
        prompt = ask.body["messages"][0]["content"]
        right = 0.1 if "bad" in prompt else 0.9
        top = [{"token": t, "logprob": math.log(p)} for t, p in (("Right", right), ("Wrong", 1 - right))]
        return {"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}

    server = serve(answer)
    given = {
        "question_file": "given",
        "model_name": "fake",
        "output_dir": tmp_path / "out",
        "separator": "\n",
    }
    found = eval_guided(
        resolve(env={}, overrides=run_overrides(given)),
        {"method": "beam", "n": 4, "beam_width": 2, "end_pattern": "^answer"},
        scorer="judge",
        shape="right-wrong",
        options=asking(server),
        questions=questions(3),
        backend=FakeEngine(Knobs(slots=8)),
    )
    assert found.complete
    assert found.scored > 10
    assert {ask.tries for ask in server.asks} == {1}, "no prefix is paid for twice"
