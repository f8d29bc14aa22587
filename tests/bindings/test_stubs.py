"""`_core.pyi` is what the binding's own generator prints, byte for byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MATURIN = shutil.which("maturin", path=str(Path(sys.executable).parent)) or shutil.which("maturin")


@pytest.mark.skipif(MATURIN is None or shutil.which("cargo") is None, reason="needs maturin and cargo")
def test_the_stubs_are_what_the_generator_prints(tmp_path):
    assert MATURIN is not None
    subprocess.run([MATURIN, "generate-stubs", "--quiet", "--out", tmp_path], cwd=ROOT, check=True)
    made = (tmp_path / "omega_fast" / "_core.pyi").read_text()
    kept = (ROOT / "python" / "omega_fast" / "_core.pyi").read_text()
    assert made == kept, "run `make stubs STUBS=write`"
