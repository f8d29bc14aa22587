"""The jobs a user asks for, each a function; the command line and the Python interface call these and no others."""

from omega_fast.jobs.annotate import annotate, run_config
from omega_fast.jobs.bench import bench
from omega_fast.jobs.demo import check_against_truth, demo
from omega_fast.jobs.preview import estimate, preview
from omega_fast.jobs.reverify import reverify
from omega_fast.jobs.runs import export, replay, status
from omega_fast.jobs.what_if import what_if

__all__ = [
    "annotate",
    "bench",
    "check_against_truth",
    "demo",
    "estimate",
    "export",
    "preview",
    "replay",
    "reverify",
    "run_config",
    "status",
    "what_if",
]
