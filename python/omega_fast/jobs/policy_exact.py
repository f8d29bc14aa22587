"""Figures of policies that samples alone do not give: entropies, and probabilities of right solutions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omega_fast.config import AnnotateConfig
from omega_fast.eval.diversity import entropy_per_step, lumped, tilted_target, total_variation
from omega_fast.jobs.opening import torch_policy
from omega_fast.jobs.policy_models import config_of
from omega_fast.policy_summary import NamedPolicy
from omega_fast.records import Question
from omega_fast.tasks.ledger import right_solutions

if TYPE_CHECKING:
    from omega_fast.models.policy_likelihood import PolicyLikelihood

__all__ = ["ExactFigures", "exact_figures"]

_MOST_MODES = 2000
_REMOTE = {"openai", "recorded"}


def exact_figures(
    config: AnnotateConfig, questions: Sequence[Question], *, reference: str | None, beta: float | None
) -> ExactFigures:
    """What tells the figures, with the reference's probabilities known already.

    Args:
        config: The sampling: probabilities are those under its temperature.
        questions: The questions.
        reference: The model that a training began from; `None` for no target.
        beta: The temperature of the target's reward, with a reference.

    Raises:
        BackendError: The reference cannot be loaded.
    """
    found = ExactFigures(config, {}, "")
    if config.model_type in _REMOTE:
        found.silent = f"no likelihoods: the models of engine {config.model_type} are not here"
    elif config.top_k or config.top_p < 1 or not config.temperature:
        found.silent = (
            "no likelihoods: samples are cut to top_k or top_p, or greedy; with temperature 1, top_k 0 and top_p 1 "
            "there are entropies and distances to the target"
        )
    elif reference is not None and beta is not None:
        model = NamedPolicy("reference", reference)
        for question in questions:
            if (probabilities := found.of_right(model, question)) is not None:
                found.targets[question.id] = tilted_target(probabilities, beta)
        found.forget()
    return found


@dataclass(slots=True)
class ExactFigures:
    """Tells the figures of one policy after the other; the model of the last one is kept.

    Attributes:
        config: The sampling.
        targets: The distribution that is aimed at, by question.
        silent: Why there are no figures; empty if there are.
    """

    config: AnnotateConfig
    targets: dict[str, Mapping[str, float]]
    silent: str
    _policy: NamedPolicy | None = None
    _model: PolicyLikelihood | None = None
    _right: dict[str, dict[str, float] | None] = field(default_factory=dict)

    def of(self, policy: NamedPolicy, question: Question, texts: Sequence[str]) -> dict[str, float | None]:
        """The figures of one question.

        `entropy_per_step` in nats; `right_mass`, the probability of a wholly right solution; `tv_to_target`, the total
        variation to pi_ref exp(r / beta), r = 1 for wholly right solutions, all other texts taken as one.

        Raises:
            BackendError: The policy cannot be loaded.
        """
        if self.silent:
            return {}
        unique = list(dict.fromkeys(texts))
        told = dict(zip(unique, self._likelihood(policy).log_probs(question, unique), strict=True))
        steps = [max(1, sum(bool(line.strip()) for line in text.split(self._separator))) for text in texts]
        found: dict[str, float | None] = {
            "entropy_per_step": entropy_per_step([told[text] for text in texts], steps)
        }
        if (right := self.of_right(policy, question)) is not None:
            found["right_mass"] = math.fsum(right.values())
            if question.id in self.targets:
                found["tv_to_target"] = total_variation(lumped(right), self.targets[question.id])
        return found

    def of_right(self, policy: NamedPolicy, question: Question) -> dict[str, float] | None:
        """The probability of each right solution; `None` where they are not known, or are too many."""
        if not (question.id.startswith("ledger-") and "operations" in question.meta):
            return None
        likelihood = self._likelihood(policy)
        if question.id not in self._right:
            solutions = ["".join(lines) for lines in right_solutions(question.problem)]
            self._right[question.id] = (
                None
                if len(solutions) > _MOST_MODES
                else dict(
                    zip(solutions, map(math.exp, likelihood.log_probs(question, solutions)), strict=True)
                )
            )
        return self._right[question.id]

    def forget(self) -> None:
        """Let go of the model."""
        self._policy, self._model, self._right = None, None, {}

    @property
    def _separator(self) -> str:
        return self.config.separator

    def _likelihood(self, policy: NamedPolicy) -> PolicyLikelihood:
        if self._model is None or self._policy != policy:
            self.forget()
            self._policy, self._model = policy, torch_policy(config_of(self.config, policy))
        return self._model
