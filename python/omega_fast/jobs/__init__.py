"""The jobs a user asks for, each a function; the command line and the Python interface call these and no others."""

from omega_fast.jobs.annotate import annotate, run_config
from omega_fast.jobs.reverify import reverify
from omega_fast.jobs.runs import export, replay, status

__all__ = ["annotate", "export", "replay", "reverify", "run_config", "status"]
