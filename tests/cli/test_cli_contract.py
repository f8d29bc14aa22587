import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from omega_fast.cli.docs import reference
from omega_fast.cli.jobs import Jobs

ROOT = Path(__file__).parents[2]


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs/cli.md").read_text() == reference(), (
        "run python -m omega_fast.cli.docs > docs/cli.md"
    )


def test_help_loads_neither_torch_nor_the_compiled_core() -> None:
    program = (
        "import sys\nimport omega_fast.cli\n"
        "print([name for name in ('torch', 'transformers', 'omega_fast._core') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_jobs_take_what_the_command_line_gives_them() -> None:
    pytest.importorskip("omega_fast._core", reason="needs the compiled core")
    import omega_fast.jobs as real

    promised = {
        name: value for name, value in vars(Jobs).items() if inspect.isfunction(value) and name[0] != "_"
    }
    for name, function in promised.items():
        offered = inspect.signature(getattr(real, name)).parameters
        asked = list(inspect.signature(function).parameters)[1:]
        assert set(asked) <= set(offered), name


def test_damage_in_a_run_is_told_by_verify(tmp_path: Path) -> None:
    from omega_fast.store import RunDirectory

    with RunDirectory.open_or_create(tmp_path / "run", identity={"k": 16}) as run:
        for value in range(4):
            run.append("value", {"value": value})
    command = [sys.executable, "-m", "omega_fast", "verify", str(tmp_path / "run")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    segment = next((tmp_path / "run/log").iterdir())
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:-2], lines[-2].replace(b"2", b"7"), lines[-1]]))
    damaged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert damaged.returncode == 6
    assert segment.name in damaged.stdout
