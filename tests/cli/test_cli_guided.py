"""`omega eval guided` and `omega solve`: what they print, what they pass on, published configurations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from omega_fast.cli import guided, guided_flags
from omega_fast.guided_summary import GuidedSummary, Solved, SolvedCandidate

FIGURE = {"value": 0.75, "low": 0.5, "high": 1.0, "n": 4}
SUMMARY = {
    "method": "beam",
    "scorer": "module:truth",
    "questions": 4,
    "finished": 4,
    "results": {"accuracy": {"naive": FIGURE, "majority": FIGURE, "weighted": FIGURE}, "any": FIGURE},
    "calls": 9,
    "scored": 144,
    "quarantined": 0,
    "stopped_by": "",
    "warnings": (),
    "output": Path("out"),
    "seconds": 1.0,
}
BEST = SolvedCandidate(("a = 1\n", "answer \x1b[31m7\n"), (0.9, 0.8), 0.8, "7", 11)
SOLVED = Solved(
    problem="p",
    candidates=[BEST, BEST],
    by={"naive": 0, "majority": 0, "weighted": 0},
    tokens=22,
    draws=4,
    cut=0,
)


class Jobs:
    """Notes what was asked."""

    def __init__(self):
        self.asked = {}
        self.summary = GuidedSummary(**SUMMARY)
        self.solved = SOLVED

    def eval_guided(self, config, search, **given):
        self.asked = {"config": config, "search": search, **given}
        return self.summary

    def solve(self, config, search, problem, **given):
        self.asked = {"config": config, "search": search, "problem": problem, **given}
        return self.solved


@pytest.fixture
def jobs(monkeypatch):
    pytest.importorskip("omega_fast._core", reason="needs the compiled core")
    made = Jobs()
    monkeypatch.setattr(guided, "load_jobs", lambda: made)
    return made


def test_eval_guided_prints_figures_and_json(omega, jobs):
    done = omega("eval", "guided", "ledger", "--prm", "module:truth", "-o", "out")
    assert done.exit_code == 0, done.stderr
    assert "votes weighted with scores" in done.stdout
    assert "75.0" in done.stdout
    assert "9 for 144 candidates" in done.stdout
    told = json.loads(
        omega("eval", "guided", "ledger", "--prm", "module:truth", "-o", "out", "--json").stdout
    )
    assert told["results"]["accuracy"]["weighted"] == FIGURE


def test_flags_are_settings_of_search_scorer_and_run(omega, jobs):
    done = omega(
        *("eval", "guided", "ledger", "--prm", "m:f", "-o", "out", "--method", "dvts", "-n", "8"),
        *("--beam-width", "2", "--max-steps", "9", "--lookahead", "1", "--aggregation", "min"),
        *("--no-filter-duplicates", "--token-budget", "500", "--temperature", "0.8", "--top-p", "0.95"),
        *("--prm-batch-tokens", "100", "--dtype", "float32", "--limit", "3"),
    )
    assert done.exit_code == 0, done.stderr
    assert jobs.asked["search"] == {
        "method": "dvts",
        "n": 8,
        "beam_width": 2,
        "max_steps": 9,
        "lookahead": 1,
        "aggregation": "min",
        "filter_duplicates": False,
        "token_budget": 500,
    }
    config = jobs.asked["config"]
    assert (config.temperature, config.top_p, config.dtype, config.limit) == (0.8, 0.95, "float32", 3)
    assert (jobs.asked["scorer"], jobs.asked["options"].batch_tokens) == ("m:f", 100)
    assert jobs.asked["options"].dtype == "auto"


def test_policy_and_scorer_have_servers_of_their_own(omega, jobs):
    asked = ("eval", "guided", "ledger", "--prm", "judge", "--shape", "judge", "-o", "out")
    done = omega(*asked, "--prm-base-url", "http://h:1/v1", "--prm-slots", "7", "--judge-samples", "3")
    assert done.exit_code == 0, done.stderr
    options = jobs.asked["options"]
    assert (options.server.base_url, options.server.slots, options.judging.samples) == ("http://h:1/v1", 7, 3)
    assert jobs.asked["config"].base_url is None
    done = omega(*asked, "--prm-served-model", "x")
    assert done.exit_code == 2
    assert "prm_served_model is given, but no server is" in done.stderr
    assert "--prm-base-url" in done.stderr
    done = omega(*asked, "--prm-engine", "vllm", "--prm-engine-args", '{"max_num_seqs": 2}')
    assert jobs.asked["options"].engine_args == {"max_num_seqs": 2}


def test_a_temperature_of_0_is_no_contradiction_here(omega, jobs):
    done = omega(
        "eval", "guided", "ledger", "--prm", "m:f", "-o", "out", "--temperature", "0", "--method", "greedy"
    )
    assert done.exit_code == 0, done.stderr


def test_flags_of_the_gflownet_project_mean_greedy_search(omega, jobs):
    omega(
        *("eval", "guided", "ledger", "-o", "out", "--model", "ledger-policy", "--prm", "m:f"),
        *("--temperature", "0.7", "--top_p", "0.9", "--number_of_proposed_steps", "6", "--max_steps", "30"),
    )
    assert jobs.asked["search"] == {"method": "greedy", "beam_width": 6, "max_steps": 30}


def test_the_preset_grounded_is_the_best_of_eight_steps_each_time_and_flags_go_over_it(omega, jobs):
    asked = ("eval", "guided", "--prm", "m:f", "-o", "out", "--preset", "grounded")
    omega(*asked, "questions.jsonl", "--model", "some/model")
    assert jobs.asked["search"] == {"method": "greedy", "beam_width": 8, "max_steps": 30}
    assert jobs.asked["config"].separator == "\n\n"
    omega(*asked, "ledger", "--beam-width", "4")
    assert jobs.asked["search"] == {"method": "greedy", "beam_width": 4, "max_steps": 30}
    assert jobs.asked["config"].separator == "\n", "where the task says that its steps end"


PUBLISHED = """
approach: beam_search
prm_path: m:f
model_path: ledger-policy
n: 8
beam_width: 4
num_iterations: 30
lookahead: 1
agg_strategy: min
temperature: 0.8
top_p: 0.95
max_tokens: 512
num_samples: 7
seed: 42
search_batch_size: 25
sort_completed: true
filter_duplicates: true
custom_chat_template: "{{ messages }}"
"""


def test_search_and_learns_configuration_is_read_and_flags_come_before_it(omega, jobs, tmp_path):
    (tmp_path / "search.yaml").write_text(PUBLISHED)
    done = omega("eval", "guided", "ledger", "-o", "out", "--search-config", "search.yaml", "--n", "16")
    assert done.exit_code == 0, done.stderr
    assert jobs.asked["search"] == {
        "method": "beam",
        "n": 16,
        "beam_width": 4,
        "max_steps": 30,
        "lookahead": 1,
        "aggregation": "min",
        "filter_duplicates": True,
    }
    config = jobs.asked["config"]
    assert (config.model_name, config.max_new_tokens, config.limit, config.seed) == (
        "ledger-policy",
        512,
        7,
        42,
    )
    assert (config.temperature, config.top_p, config.max_open) == (0.8, 0.95, 25)
    assert jobs.asked["scorer"] == "m:f"
    assert "custom_chat_template of search.yaml has no counterpart" in done.stderr


@pytest.mark.parametrize(
    ("content", "method"),
    [
        ("n: 4\nagg_strategy: last\n", "best_of_n"),
        ("approach: dvts\n", "dvts"),
        ("number_of_proposed_steps: 3\n", "greedy"),
        ("method: mcts\n", "mcts"),
    ],
)
def test_a_configuration_says_its_method_or_means_the_published_one(omega, jobs, tmp_path, content, method):
    (tmp_path / "search.yaml").write_text(content)
    done = omega("eval", "guided", "ledger", "--prm", "m:f", "-o", "out", "--search-config", "search.yaml")
    assert done.exit_code == 0, done.stderr
    assert jobs.asked["search"]["method"] == method


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("aproach: dvts\n", "did you mean approach"),
        ("n: [\n", "cannot be read"),
        ("- n\n", "is not a mapping"),
        ("max_steps: 3\nnum_iterations: 4\n", "sets max_steps twice"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_a_usage_error(omega, jobs, tmp_path, content, message):
    (tmp_path / "search.yaml").write_text(content)
    done = omega("eval", "guided", "ledger", "--prm", "m:f", "-o", "out", "--search-config", "search.yaml")
    assert done.exit_code == 2
    assert message in done.stderr


def test_solve_shows_the_solution_step_by_step_and_nothing_of_the_terminals(omega, jobs):
    done = omega("solve", "what is it ?", "--prm", "m:f", "--model", "ledger-policy", "--method", "mcts")
    assert done.exit_code == 0, done.stderr
    assert jobs.asked["problem"] == "what is it ?"
    assert "0.900" in done.stdout
    assert "\x1b" not in done.stdout
    told = json.loads(omega("solve", "what is it ?", "--prm", "m:f", "--json").stdout)
    assert told["answer"] == "7"


def solved(*candidates: tuple[float | None, str | None], naive: int, voted: int) -> Solved:
    made = [
        SolvedCandidate((f"step {at}\n",), None, score, answer, 5)
        for at, (score, answer) in enumerate(candidates)
    ]
    by = {"naive": naive, "majority": voted, "weighted": voted}
    return Solved(problem="p", candidates=made, by=by, tokens=5, draws=len(made), cut=0)


@pytest.mark.parametrize(
    ("found", "why", "answer", "by_score"),
    [
        (
            solved((0.9, None), (0.4, "7"), naive=0, voted=1),
            "what votes weighted with scores choose",
            "7",
            "none, at score 0.900",
        ),
        (
            solved((0.2, None), (0.4, None), naive=1, voted=1),
            "the candidate with the highest score: none of 2 candidates has",
            "none, at score 0.400",
            "none, at score 0.400",
        ),
        (
            solved((None, "7"), naive=0, voted=0),
            "the first candidate with an answer: without scores",
            "7",
            "7",
        ),
        (
            solved((None, None), naive=0, voted=0),
            "the first candidate: none of 1 candidate has",
            "none",
            "none",
        ),
    ],
)
def test_solve_says_which_solution_it_shows_and_why(omega, jobs, *, found, why, answer, by_score):
    jobs.solved = found
    lines = omega("solve", "what is it ?", "--prm", "m:f").stdout.splitlines()
    told = {
        line.split("  ")[0].strip(): line.split("  ", 1)[1].strip() for line in lines if "  " in line.strip()
    }
    assert why in told["shown is"]
    assert (told["its answer"], told["highest score"]) == (answer, by_score)


def test_no_finished_solution_is_told_by_the_exit_code(omega, jobs):
    jobs.solved = Solved(problem="p", candidates=[], by={}, tokens=5, draws=1, cut=1)
    done = omega("solve", "what is it ?", "--prm", "m:f")
    assert done.exit_code == 3
    assert "none was finished" in done.stdout


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"finished": 3, "stopped_by": "max_tokens"}, 9, "--max-tokens is reached, 3 of 4"),
        ({"finished": 3}, 3, ""),
        ({"quarantined": 2}, 3, ""),
    ],
)
def test_what_is_left_to_do_is_told_by_the_exit_code(omega, jobs, changes, code, said):
    jobs.summary = GuidedSummary(**{**SUMMARY, **changes})
    done = omega("eval", "guided", "ledger", "--prm", "m:f", "-o", "out")
    assert done.exit_code == code
    assert said in done.stderr


def test_a_missing_scorer_is_a_usage_error(omega):
    pytest.importorskip("omega_fast._core", reason="needs the compiled core")
    done = omega("eval", "guided", "ledger", "-o", "out", "--limit", "1")
    assert done.exit_code == 2
    assert "needs a process reward model" in done.stderr
    assert guided_flags.__all__
