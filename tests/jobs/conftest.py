from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def checker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Writes a module with a function `check`, and gives the name by which a configuration asks for it."""
    folder = tmp_path / "checkers"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def write(module: str, body: str) -> str:
        (folder / f"{module}.py").write_text(f"def check(problem, answer_gold, solution):\n    {body}\n")
        return f"{module}:check"

    return write


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = Path(os.environ.get("OMEGA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}; set OMEGA_DATA")
    return folder
