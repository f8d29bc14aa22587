import json
import subprocess
from pathlib import Path

import pytest

from tests.backends.tiny_checkpoints import save_checkpoint
from tests.processes import omega

SMALL = [
    *("--updates", "2", "--prompts", "2", "--samples", "3", "--max-new-tokens", "6"),
    *("--lora-rank", "2", "--device", "cpu", "--threads", "1"),
]


def gflownet(*arguments: str) -> subprocess.CompletedProcess[str]:
    return omega("train", "gflownet", *arguments)


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    model = str(save_checkpoint(tmp_path / "tiny", "llama"))
    rows = [{"problem": f"x is {at}", "answer": "1"} for at in range(3)]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [str(tmp_path / "questions.jsonl"), "--model", model, "-o", str(tmp_path / "out"), *SMALL]


def test_one_command_fine_tunes_and_the_same_command_has_nothing_left_to_do(tmp_path: Path, given: list[str]):
    done = gflownet(*given, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["policy"] == str(tmp_path / "out")
    assert told["judge"] == "outcome"
    assert [entry["step"] for entry in told["log"]] == [1, 2]
    assert "update 2 of 2" in done.stderr
    assert (tmp_path / "out" / "diversity.svg").is_file()
    again = gflownet(*given, "--json")
    assert json.loads(again.stdout)["log"] == told["log"]
    assert "update" not in again.stderr


def test_a_reward_model_is_named_as_everywhere(given: list[str]):
    done = gflownet(*given, "--prm", "tests.cli.test_cli_train_gflownet:half", "--no-require-answer")
    assert done.returncode == 0, done.stderr
    assert "prm" in done.stdout


class Half:
    def score_many(self, solutions):
        return [[0.5] * len(steps) for _, steps in solutions]


def half() -> Half:
    return Half()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--judge", "prm"], "needs a process reward model"),
        (["--objective", "guess"], "objective"),
        (["--objective", "grpo", "--replay", "2"], "replay"),
        (["--from-run", "nowhere", "--replay", "2"], "nowhere"),
        (["--beta", "0"], "beta"),
        (["--prm", "nowhere:nothing"], "nowhere"),
    ],
)
def test_what_cannot_work_ends_with_a_hint(given: list[str], flags: list[str], said: str):
    done = gflownet(*given, *flags)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint:" in done.stderr
