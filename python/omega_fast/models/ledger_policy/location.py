"""Where the shipped policy lies. Importing this loads no weights and no torch."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["ASSETS", "EMBEDDED_POLICY"]

EMBEDDED_POLICY = "ledger-policy"
"""The model name that stands for the policy shipped with the package."""

ASSETS = Path(str(files("omega_fast") / "assets" / "ledger_policy"))
"""The folder of the shipped policy, in the form that `transformers` and vLLM load."""
