"""Objectives of GFlowNet fine-tuning and its baselines: pure functions from paths to a loss for each of them."""

from omega_fast.train.gflownet.objectives.baselines import grpo, reinforce, sft
from omega_fast.train.gflownet.objectives.paths import REWARD_FLOOR, Paths, group_mean
from omega_fast.train.gflownet.objectives.subtrajectory import Flows, detailed_balance, subtb
from omega_fast.train.gflownet.objectives.trajectory import trajectory_balance, vargrad

__all__ = [
    "REWARD_FLOOR",
    "Flows",
    "Paths",
    "detailed_balance",
    "group_mean",
    "grpo",
    "reinforce",
    "sft",
    "subtb",
    "trajectory_balance",
    "vargrad",
]
