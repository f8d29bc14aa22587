"""Claims about engines that tests show or refute, as counts of those that passed; and the flat memory of files."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["claims_by_test", "passes_of"]

ROOT = Path(__file__).resolve().parents[2]
VLLM = ROOT / ".venv-vllm" / "bin" / "python"
HERE = Path(sys.executable)
FLAT_MB = 256

SHOWN: tuple[tuple[str, Path, tuple[str, ...], str], ...] = (
    (
        "1",
        VLLM,
        ("tests/vllm/test_vllm_labels.py", "tests/vllm/test_vllm_draws.py"),
        "50 questions through three engines: labels agree, greedy texts are equal",
    ),
    (
        "2",
        HERE,
        ("tests/backends/test_prefix_exactness.py", "tests/jobs/test_preview.py"),
        "what is continued is what was generated, or it is counted; preview shows it",
    ),
    (
        "5a",
        HERE,
        ("tests/store/formats", "tests/exchange"),
        "formats written, read back, equal; released samples",
    ),
    ("6a", HERE, ("tests/backends/openai",), "a scripted faulty server"),
    ("6b", VLLM, ("tests/vllm/test_vllm_z_server_killed.py",), "a real vLLM server killed and started again"),
    ("7a", HERE, ("tests/serving",), "omega serve and a program in vLLM's place"),
    (
        "7b",
        VLLM,
        ("tests/vllm/test_vllm_serve.py",),
        "omega serve with two real models, both asked, none left",
    ),
)


def claims_by_test(claim: Callable[..., None]) -> None:
    """Run the tests behind each claim, and convert a file of 1 GB; `claim` prints the lines."""
    for name, python, paths, what in SHOWN:
        passed, all_of_them = passes_of(python, paths)
        claim(name, passed, all_of_them, f"tests passed: {what}")
    for suffix, growth in _growth_mb().items():
        claim(
            f"5b{suffix}",
            growth,
            FLAT_MB,
            f"MB that jobs on a {suffix} file of 1 GB add at most",
            least=False,
        )


def passes_of(python: Path, paths: tuple[str, ...]) -> tuple[int | None, int | None]:
    """How many tests passed, and how many there are; nothing where the environment is missing."""
    if not python.is_file():
        return None, None
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        marker = "vllm" if python == VLLM else "not vllm"
        flags = ["-q", "-m", marker, "--timeout", "1800", "-p", "no:cacheprovider", f"--junitxml={report}"]
        if python == VLLM:
            flags += ["-W", "ignore::pytest.PytestUnraisableExceptionWarning"]
        subprocess.run(
            [str(python), "-m", "pytest", *flags, *paths], cwd=ROOT, check=False, stdout=sys.stderr
        )
        if not report.is_file():
            return 0, 1
        suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    count = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    return count["tests"] - count["failures"] - count["errors"] - count["skipped"], max(count["tests"], 1)


def _growth_mb() -> dict[str, int]:
    """The most memory that a job added, by the kind of file."""
    done = subprocess.run(
        [str(HERE), str(ROOT / "benches/python/stream_formats.py")],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    most: dict[str, int] = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        most[row["file"]] = max(row["growth_mb"], most.get(row["file"], 0))
    return most
