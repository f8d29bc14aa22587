import json
import subprocess
import sys
from pathlib import Path

import pytest

from omega_fast.store.formats import TRL
from tests.backends.tiny_checkpoints import save_checkpoint
from tests.processes import omega
from tests.train.solutions import solutions


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    TRL.write_rows(path, [row for each in solutions(12) for row in TRL.from_solution(each)])
    path.write_text(path.read_text() + '{"prompt": "q", "completions": [], "labels": []}\n')
    return path


def test_one_command_trains_from_a_file_and_says_what_it_left_out(tmp_path: Path, rows: Path) -> None:
    model = str(save_checkpoint(tmp_path / "tiny", "llama"))
    arguments = ["train", "prm", str(rows), "-o", str(tmp_path / "prm"), "--model", model, "--epochs", "1"]
    flags = ["--separator", r"\n", "--labels", "hard", "--device", "cpu", "--json"]
    from_cold = [sys.executable, "-m", "omega_fast", *arguments, *flags]
    done = subprocess.run(from_cold, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    found = json.loads(done.stdout)
    assert found["data"]["faults"] == {"no_steps": 1}
    assert "rows.quarantine.jsonl" in done.stderr
    assert json.loads((tmp_path / "prm" / "prm.json").read_text())["separator"] == "\n"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--loss", "ce", "--head", "value"], "two classes"),
        (["--loss", "guess"], "loss"),
        (["--learning-rate", "-1"], "learning_rate"),
        (["--threshold", "0.5"], "labels"),
    ],
)
def test_settings_that_cannot_work_end_with_two_and_a_hint(
    tmp_path: Path, rows: Path, flags: list[str], said: str
) -> None:
    done = omega("train", "prm", str(rows), "-o", str(tmp_path / "prm"), *flags)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint:" in done.stderr
    assert not (tmp_path / "prm").exists()


@pytest.mark.parametrize(("command", "flags"), [("ntp-prm", ["--labels", "hard"]), ("implicit-prm", [])])
def test_the_other_trainers_are_commands_too(
    tmp_path: Path, rows: Path, command: str, flags: list[str]
) -> None:
    model = str(save_checkpoint(tmp_path / "tiny", "llama"))
    if command == "implicit-prm":
        texts = [{"prompt": f"q {n}", "response": "a\n", "label": n % 2} for n in range(8)]
        rows.write_text("".join(json.dumps(each) + "\n" for each in [*texts, {"prompt": "q"}]))
    arguments = ["train", command, str(rows), "-o", str(tmp_path / "prm"), "--model", model, "--epochs", "1"]
    done = omega(*arguments, "--separator", r"\n", "--device", "cpu", "--json", *flags)
    assert done.returncode == 3, done.stderr
    assert sum(json.loads(done.stdout)["data"]["faults"].values()) == 1
    assert json.loads((tmp_path / "prm" / "prm.json").read_text())["head"] == command.removesuffix("-prm")
