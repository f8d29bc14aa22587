"""A tree of ours as an environment of torchgfn, and a policy of ours as its estimators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from gfn.containers import Trajectories
from gfn.env import DiscreteEnv
from gfn.estimators import DiscretePolicyEstimator, ScalarEstimator
from gfn.preprocessors import IdentityPreprocessor
from gfn.states import DiscreteStates
from torch import Tensor, nn

from omega_fast.train.gflownet.tabular import TabularPolicy


class TreeEnvironment(DiscreteEnv):
    """States by number, the root 0; actions are the children in order, and the last is to stop.

    Its log-rewards are those of stopping, or of prefixes: what torchgfn adds to flows when it looks forward.
    """

    def __init__(self, policy: TabularPolicy, log_reward: Tensor) -> None:
        self.allowed = policy.log_probs().detach() > -torch.inf
        self.log_rewards = log_reward
        super().__init__(
            n_actions=self.allowed.shape[1],
            s0=torch.zeros(1, dtype=torch.long),
            state_shape=(1,),
            sf=torch.tensor([-1]),
        )

    def make_states_class(self) -> type[DiscreteStates]:
        environment = self

        class TreeStates(DiscreteStates):
            state_shape = environment.state_shape
            s0 = environment.s0
            sf = environment.sf
            make_random_states = environment.make_random_states
            n_actions = environment.n_actions

            def _compute_forward_masks(self) -> Tensor:
                return environment.allowed[self.tensor.squeeze(-1).clamp(min=0)]

        return TreeStates

    def step(self, states: Any, actions: Any) -> Any:
        raise NotImplementedError("trajectories are given, none is drawn")

    backward_step = step

    def log_reward(self, states: Any) -> Tensor:
        return self.log_rewards[states.tensor.squeeze(-1)]


class Looked(nn.Module):
    """A function of the state's number read from a table."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, numbers: Tensor) -> Tensor:
        return self.table[numbers.squeeze(-1)]


@dataclass(frozen=True, slots=True)
class There:
    """The same policy and paths as torchgfn has them.

    Attributes:
        environment: The tree.
        pf: The policy's logits.
        log_flow: A flow of each state.
        trajectories: The paths.
        fixed: What every loss takes besides: no backward policy.
    """

    environment: TreeEnvironment
    pf: DiscretePolicyEstimator
    log_flow: ScalarEstimator
    trajectories: Trajectories

    @property
    def fixed(self) -> dict[str, Any]:
        return {"pf": self.pf, "pb": None, "constant_pb": True, "debug": False}


def there(policy: TabularPolicy, ends: Tensor, log_flow: Tensor, *, looks_forward: bool = False) -> There:
    """Paths to some ends, each its own trajectory; gradients go to the policy's own tensors."""
    tree = policy.tree
    environment = TreeEnvironment(policy, tree.log_energy if looks_forward else tree.log_reward)
    lengths, paths = tree.lengths[ends] + 1, len(ends)
    longest = int(lengths.max())
    states = torch.full((longest + 1, paths, 1), -1)
    actions = torch.full((longest, paths, 1), -1)
    for path, (way, steps) in enumerate(zip(tree.states[ends], lengths.tolist(), strict=True)):
        states[:steps, path, 0] = way[:steps]
        actions[: steps - 1, path, 0] = tree.slots[way[1:steps]]
        actions[steps - 1, path, 0] = environment.n_actions - 1
    return There(
        environment,
        DiscretePolicyEstimator(Looked(policy.logits), environment.n_actions, IdentityPreprocessor(1)),
        ScalarEstimator(Looked(log_flow.unsqueeze(1)), IdentityPreprocessor(1)),
        Trajectories(
            environment,
            environment.states_from_tensor(states),
            environment.actions_from_tensor(actions),
            terminating_idx=lengths,
            log_rewards=tree.log_reward[tree.ends[ends]],
        ),
    )
