"""The commands that make training data, and what a published project's users type."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FakeJobs

Omega = Callable[..., Any]
MODEL = "--model", "m"
SEED = "seed", *MODEL, "--question-file", "q.jsonl"


def test_the_published_commands_work_as_they_stand(omega: Omega, jobs: FakeJobs) -> None:
    assert omega("seed", "--model", "m", "--num_samples", "300", "--question-file", "q.jsonl").exit_code == 0
    config = jobs.asked["config"]
    assert (config.model_name, config.num_rollouts, config.root_draws) == ("m", 300, 300)
    assert omega("annotate", "--model", "m", "--dataset", "seed.jsonl").exit_code == 0
    config = jobs.asked["config"]
    assert (config.model_name, config.question_file, config.solutions) == ("m", "seed.jsonl", "seed")
    done = omega("augment", "--input_path", "run", "--output_path", "o.csv", "--similarity_threshold", "0.9")
    assert done.exit_code == 0, done.stderr
    assert jobs.asked["run"] == Path("run")
    assert (jobs.asked["output"], jobs.asked["similarity"]) == (Path("o.csv"), 0.9)


def test_a_seed_set_may_be_named_alone_and_flags_win(omega: Omega, jobs: FakeJobs) -> None:
    assert omega("annotate", "seed.jsonl", "-o", "run", *MODEL).exit_code == 0
    assert (jobs.asked["config"].question_file, jobs.asked["config"].solutions) == ("seed.jsonl", "seed")
    assert omega("annotate", "seed.jsonl", "--solutions", "label", *MODEL).exit_code == 0
    assert jobs.asked["config"].solutions == "label"
    assert omega("annotate", "--question-file", "q.jsonl", *MODEL).exit_code == 0
    assert jobs.asked["config"].solutions == "label"


@pytest.mark.parametrize(
    "command",
    [
        ("annotate", "seed.jsonl", "--question-file", "q.jsonl", *MODEL),
        ("annotate", "seed.jsonl", "--dataset", "seed.jsonl", *MODEL),
        (*SEED, "--num-samples", "4", "--num-rollouts", "4"),
        (*SEED, "--num-samples", "0"),
        ("augment",),
        ("augment", "run", "--input-path", "run"),
        ("augment", "run", "--similarity-threshold", "1.5"),
        ("split", "--input-file", "q.jsonl", "--output-dir", "out"),
        ("split", "--input-file", "q.jsonl", "--output-dir", "out", "--by", "question"),
        ("split", "--input-file", "q.jsonl", "--output-dir", "out", "--num-splits", "2", "--shares", "a=1"),
        ("report", "absent.jsonl"),
    ],
)
def test_what_is_asked_twice_or_not_at_all_is_a_mistake_of_usage(
    omega: Omega, jobs: FakeJobs, command: tuple[str, ...]
) -> None:
    assert omega(*command).exit_code == 2
    assert jobs.asked == {}


def test_a_sample_budget_is_paid_for_unless_another_is_given(omega: Omega, jobs: FakeJobs) -> None:
    omega(*SEED, "--num-samples", "300")
    assert jobs.asked["config"].rollout_budget == 300
    assert (
        omega("seed", "--num-samples", "300", "--question-file", "q", "--rollout-budget", "9").exit_code == 2
    )


def test_questions_without_a_wrong_solution_are_told(omega: Omega, jobs: FakeJobs) -> None:
    del jobs
    done = omega(*SEED, "--json")
    assert "4 questions have no wrong solution to start a search from (q-1, q-2, q-3, ...)" in done.stderr
    assert json.loads(done.stdout)["without_wrong"] == 4
    assert json.loads(done.stdout)["run"]["questions"] == 3


def test_a_judge_that_judged_nothing_is_warned_of(omega: Omega, jobs: FakeJobs) -> None:
    del jobs
    done = omega("augment", "run", "--consensus", "judged.jsonl")
    assert "no solution was agreed on" in done.stderr
    assert "the run is not finished: used are 1 of its 3 questions" in done.stderr
    assert "rejected: not judged" in done.stdout


def trl(path: Path, *rows: tuple[str, list[str], list[bool]]) -> str:
    lines = [json.dumps({"prompt": q, "completions": steps, "labels": labels}) for q, steps, labels in rows]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_convert_keeps_what_a_judge_agrees_with(omega: Omega) -> None:
    mine = trl(
        Path("mine.jsonl"),
        ("Q", ["a", "b"], [True, False]),
        ("Q", ["c", "d"], [True, True]),
        ("R", ["a"], [True]),
    )
    judge = trl(Path("judge.jsonl"), ("Q", ["a", "b"], [True, False]), ("Q", ["c", "d"], [False, False]))
    done = omega("convert", mine, "out.jsonl", "--to", "trl", "--consensus", judge, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["consensus"] == {
        "kept": 1,
        "agreement": 0.5,
        "rejected": {"judge_finds_an_earlier_error": 1, "not_judged": 1},
    }
    assert [json.loads(line)["completions"] for line in Path("out.jsonl").read_text().splitlines()] == [
        ["a", "b"]
    ]


def test_a_report_tells_balance_and_duplicates(omega: Omega) -> None:
    data = trl(
        Path("rows.jsonl"),
        ("Q", ["a", "b"], [True, False]),
        ("Q", ["a", "b"], [True, True]),
        ("R", ["a"], [True]),
    )
    told = json.loads(omega("report", data, "--json").stdout)
    assert told["train"] == {
        "questions": 2,
        "solutions": 2,
        "steps": 3,
        "labelled": 3,
        "right": 2,
        "wrong": 1,
        "mean_value": pytest.approx(2 / 3),
    }
    assert told["duplicates"] == {"dropped": 1, "contradicting": 1}
    shown = omega("report", data).stdout
    assert "2 right, 1 wrong, 66.7% above .5" in shown


def test_rows_that_cannot_be_used_make_a_report_partial(omega: Omega) -> None:
    data = trl(Path("rows.jsonl"), ("Q", [], []), ("Q", ["a"], [True]))
    done = omega("report", data, "--from", "trl")
    assert done.exit_code == 3
    assert "it has no steps" in done.stderr


def test_a_file_is_split_by_question(omega: Omega) -> None:
    data = trl(Path("rows.jsonl"), *((f"Q{number}", ["a"], [True]) for number in range(20)))
    split = ("split", "--input-file", data, "--output-dir", "out", "--by", "question")
    done = omega(*split, "--shares", "train=0.5,test=0.5", "--json")
    assert done.exit_code == 0, done.stderr
    assert sum(json.loads(done.stdout)["sizes"]) == 20
    assert omega(*split, "--shares", "train=0.5").exit_code == 2
