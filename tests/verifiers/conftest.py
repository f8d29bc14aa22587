from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from omega_fast.verifiers.answer import AnswerVerifier

DEADLINE_S = 2.0


@pytest.fixture(scope="module")
def verifier() -> Iterator[AnswerVerifier]:
    with AnswerVerifier(deadline_s=DEADLINE_S) as opened:
        yield opened


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = Path(os.environ.get("OMEGA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}; set OMEGA_DATA")
    return folder
