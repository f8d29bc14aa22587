"""The jobs a user asks for, each a function; the command line and the Python interface call these and no others."""

from omega_fast.jobs.annotate import annotate, run_config
from omega_fast.jobs.augment import augment
from omega_fast.jobs.demo import check_against_truth, demo
from omega_fast.jobs.preview import estimate, preview
from omega_fast.jobs.reverify import reverify
from omega_fast.jobs.runs import export, replay, status
from omega_fast.jobs.seed import seed

__all__ = [
    "annotate",
    "augment",
    "check_against_truth",
    "demo",
    "estimate",
    "export",
    "preview",
    "replay",
    "reverify",
    "run_config",
    "seed",
    "status",
]
