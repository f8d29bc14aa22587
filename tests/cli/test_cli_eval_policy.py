"""`omega eval policy`: what it passes on, what it prints, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from omega_fast.cli import eval_policy
from omega_fast.eval.policy import compared, policy_figures
from omega_fast.policy_summary import NamedPolicy, PolicySummary

RUNS = [[{"pass@1": 0.5, "pass@2": 0.6, "pass@4": 0.9, "distance": 0.1}, {"pass@1": 0.7, "pass@4": 1.0}]] * 2


class Jobs:
    """Notes what was asked."""

    def __init__(self) -> None:
        self.finished = 4
        self.quarantined = 0

    def eval_policy(self, config, policies, **asked):
        self.config, self.policies, self.asked = config, policies, asked
        figures = policy_figures(RUNS)
        results = {"baseline": "base", "policies": {"base": figures, "tuned\x1b[31m": figures}}
        return PolicySummary(
            questions=2,
            samples=4,
            runs=4,
            finished=self.finished,
            results={**results, "against": {"tuned": compared(RUNS, RUNS)}} if self.finished == 4 else {},
            quarantined=self.quarantined,
            output=Path("out"),
            warnings=("look",),
            seconds=1.0,
        )


@pytest.fixture
def jobs(monkeypatch):
    fake = Jobs()
    monkeypatch.setattr(eval_policy, "load_jobs", lambda: fake)
    return fake


def test_policies_samples_and_seeds_are_passed_on(omega, jobs):
    words = "q.jsonl --policy base=m --policy tuned=out/p -n 4 --seeds 3,5 --reference m --beta-of-target .1 -o out"
    result = omega("eval", "policy", *words.split())
    assert result.exit_code == 0, result.stderr
    assert jobs.policies == [NamedPolicy("base", "m"), NamedPolicy("tuned", "out/p")]
    assert jobs.config.question_file == "q.jsonl"
    assert jobs.config.output_dir == Path("out")
    told = {name: jobs.asked[name] for name in ("samples", "seeds", "likelihood", "reference", "beta")}
    assert told == {"samples": 4, "seeds": [3, 5], "likelihood": True, "reference": "m", "beta": 0.1}


def test_the_table_shows_the_first_and_the_last_k(omega, jobs):
    result = omega("eval", "policy", "ledger", "-n", "4", "-o", "out")
    lines = [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
    assert ("pass@1" in lines, "pass@2" in lines, "pass@4" in lines, "distance" in lines) == (
        True,
        False,
        True,
        True,
    )
    assert "\x1b" not in result.stdout
    assert "warning: look" in result.stderr


def test_json_has_every_figure(omega, jobs):
    said = json.loads(omega("eval", "policy", "ledger", "-n", "4", "-o", "out", "--json").stdout)
    assert said["results"]["policies"]["base"]["pass@2"]["value"] == pytest.approx(0.6)


def test_the_embedded_policy_stands_in_for_the_embedded_task_alone(omega, jobs):
    assert omega("eval", "policy", "ledger", "-o", "out").exit_code == 0
    assert jobs.policies == [NamedPolicy("ledger-policy", "ledger-policy")]
    refused = omega("eval", "policy", "q.jsonl", "-o", "out")
    assert (refused.exit_code, "no policy is named" in refused.stderr) == (2, True)
    assert omega("eval", "policy", "q.jsonl", "--model", "m", "-o", "out").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ledger --question-file x", "named twice"),
        ("ledger --num-rollouts 3", "num_rollouts has no part"),
        ("ledger --seeds 1,b", "no integers"),
        ("ledger --policy =x", "no name or no model"),
        ("", "question_file is not set"),
    ],
)
def test_what_makes_no_sense_is_refused(omega, jobs, words, said):
    result = omega("eval", "policy", *words.split(), "-o", "out")
    assert result.exit_code == 2
    assert said in result.stderr


def test_exit_codes_say_what_is_missing(omega, jobs):
    jobs.quarantined = 1
    assert omega("eval", "policy", "ledger", "-n", "4", "-o", "out").exit_code == 3
    jobs.finished = 2
    assert omega("eval", "policy", "ledger", "-n", "4", "-o", "out").exit_code == 9
