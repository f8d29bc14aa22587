import subprocess
import sys

HEAVY = "pyarrow", "zstandard", "torch", "transformers", "numpy", "omega_fast._core"


def test_importing_the_store_imports_nothing_heavy():
    code = f"import sys, omega_fast.store.formats; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
