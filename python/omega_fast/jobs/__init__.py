"""The jobs a user asks for, each a function; the command line and the Python interface call these and no others."""

from omega_fast.jobs.annotate import annotate, run_config
from omega_fast.jobs.augment import augment
from omega_fast.jobs.bench import bench
from omega_fast.jobs.demo import check_against_truth, demo
from omega_fast.jobs.eval_best_of_n import eval_best_of_n
from omega_fast.jobs.eval_calibration import eval_calibration
from omega_fast.jobs.eval_policy import eval_policy
from omega_fast.jobs.eval_prmbench import eval_prmbench
from omega_fast.jobs.eval_processbench import eval_processbench
from omega_fast.jobs.guided import eval_guided
from omega_fast.jobs.guided_solve import solve
from omega_fast.jobs.ledger_sets import make_ledger_sets
from omega_fast.jobs.preview import estimate, preview
from omega_fast.jobs.reverify import reverify
from omega_fast.jobs.runs import export, replay, status
from omega_fast.jobs.seed import seed
from omega_fast.jobs.what_if import what_if

__all__ = [
    "annotate",
    "augment",
    "bench",
    "check_against_truth",
    "demo",
    "estimate",
    "eval_best_of_n",
    "eval_calibration",
    "eval_guided",
    "eval_policy",
    "eval_prmbench",
    "eval_processbench",
    "export",
    "make_ledger_sets",
    "preview",
    "replay",
    "reverify",
    "run_config",
    "seed",
    "solve",
    "status",
    "what_if",
]
