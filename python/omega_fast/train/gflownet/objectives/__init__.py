"""Objectives of GFlowNet fine-tuning and its baselines: pure functions from paths to a loss for each of them.

>>> import torch
>>> paths = Paths(                      # two solutions of one prompt, of two steps and of one
...     log_forward=torch.tensor([[-0.5, -0.1], [-0.9, 0.0]], requires_grad=True),
...     log_stop=torch.tensor([[-3.0, -2.0, 0.0], [-3.0, -0.2, 0.0]]),
...     log_reward=torch.tensor([[-5.0, -2.0, 1.0], [-5.0, 0.0, 0.0]]),
...     lengths=torch.tensor([2, 1]),
...     groups=torch.tensor([0, 0]),
... )
>>> vargrad(paths).tolist()             # log R - log P is 1.6 and 1.1: each .25 from their mean
[0.0625, 0.0625]
>>> vargrad(paths).mean().backward()    # write more of the first, less of the second
>>> paths.log_forward.grad.tolist()
[[-0.25, -0.25], [0.25, 0.0]]
"""

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
