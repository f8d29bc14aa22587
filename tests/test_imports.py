"""Which way imports run, what importing the package costs, and how large a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "omega_fast"
HEAVY = "torch", "transformers", "tokenizers", "safetensors", "vllm", "numpy", "pyarrow", "sympy", "pandas"

BELOW = ("omega_fast.engine", "omega_fast.jobs", "omega_fast.cli", "omega_fast.api", "omega_fast.search")
FORBIDDEN = {
    "records.py": ("omega_fast",),
    "errors.py": ("omega_fast",),
    "backends": (*BELOW, "omega_fast._core", "omega_fast.store", "omega_fast.verifiers", "omega_fast.config"),
    "verifiers": (*BELOW, "omega_fast._core", "omega_fast.store", "omega_fast.backends", "omega_fast.config"),
    "store": (*BELOW, "omega_fast.verifiers", "omega_fast.backends", "omega_fast.config"),
    "tasks": (*BELOW, "omega_fast._core", "omega_fast.store", "omega_fast.verifiers", "omega_fast.backends"),
    "models": (*BELOW, "omega_fast._core", "omega_fast.store", "omega_fast.config", "omega_fast.train"),
    # What training reads from the store; it meets the search there and nowhere else
    "train": (
        *BELOW,
        "omega_fast._core",
        "omega_fast.verifiers.judging",
        "omega_fast.verifiers.pool",
        "omega_fast.verifiers.sandbox",
        "omega_fast.tasks",
    ),
    "config": (*BELOW, "omega_fast._core", "omega_fast.store", "omega_fast.verifiers", "omega_fast.tasks"),
    "report": (*BELOW, "omega_fast._core", "omega_fast.backends", "omega_fast.config"),
    "search": (
        "omega_fast.engine",
        "omega_fast.jobs",
        "omega_fast.cli",
        "omega_fast.api",
        "omega_fast.backends",
    ),
    "spending": (*BELOW, "omega_fast._core", "omega_fast.store", "omega_fast.verifiers", "omega_fast.config"),
    "engine.py": (
        "omega_fast.jobs",
        "omega_fast.cli",
        "omega_fast.api",
        "omega_fast.config",
        "omega_fast.store",
    ),
    "exchange": (
        *BELOW,
        "omega_fast._core",
        "omega_fast.verifiers.judging",
        "omega_fast.verifiers.pool",
        "omega_fast.verifiers.sandbox",
        "omega_fast.backends",
        "omega_fast.config",
    ),
    "journal.py": (
        *BELOW,
        "omega_fast._core",
        "omega_fast.store",
        "omega_fast.backends",
        "omega_fast.verifiers",
    ),
    "serving": (
        *BELOW,
        "omega_fast._core",
        "omega_fast.store",
        "omega_fast.verifiers",
        "omega_fast.tasks",
    ),
    "grounded": ("omega_fast.jobs", "omega_fast.cli", "omega_fast.api"),
    "pipeline": (*BELOW, "omega_fast._core", "omega_fast.models", "omega_fast.train"),
    "eval": (*BELOW, "omega_fast._core", "omega_fast.backends", "omega_fast.models", "omega_fast.config"),
    "jobs": ("omega_fast.cli", "omega_fast.api"),
    "api.py": ("omega_fast.cli",),
}


def imports(path: Path) -> Iterator[str]:
    """The modules a file imports, those for type checkers and inside functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{each.name}" for each in node.names)


def files(part: str) -> list[Path]:
    place = PACKAGE / part
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def test_the_store_takes_the_reader_of_log_lines_from_the_core_and_nothing_else():
    taken = [
        module for path in files("store") for module in imports(path) if module.startswith("omega_fast._core")
    ]
    assert set(taken) == {"omega_fast._core.LogLines"}


@pytest.mark.parametrize("part", FORBIDDEN)
def test_imports_run_one_way(part):
    assert files(part)
    against = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for path in files(part)
        for module in imports(path)
        for forbidden in FORBIDDEN[part]
        if f"{module}.".startswith(f"{forbidden}.")
    ]
    assert not against


def test_every_package_has_its_rule():
    parts = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert parts - set(FORBIDDEN) == {"cli"}


@pytest.mark.parametrize(
    "module",
    ["omega_fast", "omega_fast.api", "omega_fast.jobs", "omega_fast.cli", "omega_fast.train.prm_config"],
)
def test_importing_the_package_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_the_package_alone_loads_no_core():
    code = "import sys, omega_fast; sys.exit('omega_fast._core' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _sources(suffix: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", f"*{suffix}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize(("suffix", "longest"), [(".py", 600), (".rs", 700)])
def test_no_file_is_longer_than_can_be_read_at_a_sitting(suffix, longest):
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in _sources(suffix)}
    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines > longest} == {}


def test_every_module_says_what_it_exports():
    assert [path for path in files(".") if "__all__" not in path.read_text() and not _is_bare(path)] == []


def _is_bare(path: Path) -> bool:
    """Whether a module defines nothing."""
    body = ast.parse(path.read_text()).body
    return all(isinstance(node, ast.Expr | ast.Import | ast.ImportFrom) for node in body)
