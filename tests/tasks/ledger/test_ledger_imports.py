"""The task is pure Python."""

import subprocess
import sys


def test_importing_the_task_and_the_policys_location_loads_no_torch():
    code = (
        "import sys, omega_fast.tasks.ledger, omega_fast.models.ledger_policy;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'tokenizers', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
