"""`omega eval`: what it passes on, what it prints, and its exit codes."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.eval.stubs import located, write

SCORER = "tests.eval.stubs:hashed"
pytest.importorskip("omega_fast._core", reason="needs the compiled core")


@pytest.fixture
def bench(tmp_path):
    return str(write(tmp_path / "bench.jsonl", [located(at, [-1, 0, 2][at % 3]) for at in range(30)]))


def test_processbench_prints_a_table_and_json(omega, bench):
    done = omega("eval", "processbench", bench, "--prm", SCORER, "-o", "out")
    assert done.exit_code == 0
    assert "average F1" in done.stdout
    assert "chosen on subset gsm8k" in done.stdout
    told = json.loads(omega("eval", "processbench", bench, "--prm", SCORER, "-o", "out", "--json").stdout)
    assert (told["benchmark"], told["rows"], told["scorer"]) == ("processbench", 30, SCORER)
    assert f"{told['results']['average_f1']:.3f}" in done.stdout


def test_the_published_names_of_server_and_model_are_known(omega, bench, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "omega_fast.cli.eval.load_jobs",
        lambda: SimpleNamespace(eval_processbench=lambda _, **given: asked.update(given) or 1 / 0),
    )
    omega(
        *(
            "eval",
            "processbench",
            bench,
            "-o",
            "out",
            "--api_url",
            "http://h:1/v1",
            "--model_name",
            "judge:8b",
        ),
        *("--shape", "critic", "--judge-samples", "8"),
    )
    assert (asked["scorer"], asked["shape"]) == ("judge:8b", "critic")
    assert asked["options"].server.base_url == "http://h:1/v1"
    assert asked["options"].judging.samples == 8


def test_rows_set_aside_are_warned_of_with_their_file(omega, tmp_path, bench, monkeypatch):
    bad = str(write(tmp_path / "bad.jsonl", [located(1, 9)]))
    done = omega("eval", "processbench", bench, bad, "--prm", SCORER, "-o", "out")
    assert done.exit_code == 3
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    launched = omega("eval", "processbench", bench, bad, "--prm", SCORER, "-o", "out")
    assert launched.exit_code == 0, "torchrun would take it for a crash"
    assert "warning:" in launched.stderr
    assert "1 row could not be used: see out/rows.jsonl.quarantine.jsonl" in done.stderr


def test_a_model_that_judges_outcomes_is_warned_of(omega, tmp_path, monkeypatch):
    (tmp_path / "falling.py").write_text(
        "class Falling:\n    def score_many(self, s):\n"
        "        return [[1 - i / 9 for i in range(len(x))] for _, x in s]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    bench = str(write(tmp_path / "bench.jsonl", [located(0, -1), located(1, 2)]))
    done = omega("eval", "processbench", bench, "--prm", "falling:Falling", "-o", "out")
    assert "100% of solutions have their lowest score on the last step: it judges outcomes" in done.stderr


def test_prmbench_and_best_of_n_print_their_tables(omega, tmp_path):
    row = {"question": "p", "modified_process": ["a", "b"], "error_steps": [2], "classification": "deception"}
    path = str(write(tmp_path / "prm.jsonl", [row]))
    done = omega("eval", "prmbench", path, "--prm", SCORER, "-o", "a")
    assert (done.exit_code, "deception" in done.stdout) == (0, True)
    row = {"problem": "p", "answer": "7", "responses": ["a\nThe answer is 7", "b\nThe answer is 3"]}
    path = str(write(tmp_path / "bon.jsonl", [row]))
    done = omega(
        "eval", "best-of-n", path, "--prm", SCORER, "-o", "b", "--separator", r"\n", "--aggregation", "min"
    )
    assert done.exit_code == 0
    assert "best by min" in done.stdout
    assert "best by prod" not in done.stdout
    scores = json.loads((tmp_path / "b/rows.jsonl").read_text())["scores"]
    assert len(scores["min"]) == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "no scorer or there are two"),
        (("--prm", "tests.eval.stubs:none_such"), "cannot load scorer"),
        (("--prm", SCORER, "--threshold", "2"), r"not in [0, 1]"),
        (("--prm", SCORER, "--shape", "bert"), "unknown shape 'bert'"),
        (("--prm", SCORER, "--dtype", "int3"), "no dtype 'int3'"),
        (("--prm", SCORER, "--engine", "tpu"), "no engine 'tpu'"),
        (("--prm", SCORER, "--engine", "vllm"), "a function of your own, which runs here"),
        (
            ("--prm", SCORER, "--engine", "vllm", "--base-url", "http://h/v1"),
            "a server is named, and an engine",
        ),
        (("--prm", SCORER, "--engine-args", "{}x"), "engine_args: write a JSON object"),
        (("--prm", SCORER, "--engine", "vllm", "--engine-args", "[1]"), "engine_args is no JSON object"),
        (("--prm", SCORER, "--served-model", "x"), "served_model is given, but no server is"),
        (("--prm", SCORER, "--base-url", "http://h/v1", "--slots", "0"), "slots: input should be greater"),
        (("--prm", "x", "--shape", "judge"), "a chat model is asked over a server"),
        (("--prm", "x", "--shape", "judge", "--judge-samples", "0"), "samples of a judge is 0"),
    ],
)
def test_what_cannot_work_is_a_usage_error(omega, bench, more, message):
    done = omega("eval", "processbench", bench, "-o", "out", *more)
    assert done.exit_code == 2
    assert message in done.stderr


def test_scores_of_another_scorer_are_a_conflict(omega, bench):
    omega("eval", "processbench", bench, "--prm", SCORER, "-o", "out")
    done = omega("eval", "processbench", bench, "--prm", "tests.eval.stubs:constant", "-o", "out")
    assert done.exit_code == 5
    assert "--output-dir" in done.stderr


def test_the_output_folder_is_named_by_the_user(omega, bench):
    done = omega("eval", "processbench", bench, "--prm", SCORER)
    assert done.exit_code == 2
    assert "--output-dir" in done.stderr
