"""How much each step counts in the loss."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["class_weights", "normalised"]

_HALF = 0.5


def class_weights(targets: Sequence[float]) -> tuple[float, float]:
    """Weights of wrong and of right steps under which both count alike in all; (1, 1) if one kind is absent.

    A soft target t counts as t right and 1 - t wrong steps. The mean over all steps is 1.

    >>> class_weights([1, 1, 1, 0])
    (2.0, 0.6666666666666666)
    """
    right = sum(targets)
    wrong = len(targets) - right
    if right <= 0 or wrong <= 0:
        return 1.0, 1.0
    return len(targets) / (2 * wrong), len(targets) / (2 * right)


def normalised(weights: Sequence[float]) -> list[float]:
    """Weights with a mean of 1, so that they change no learning rate; all 1 if they are all 0.

    >>> normalised([1, 3])
    [0.5, 1.5]
    """
    total = sum(weights)
    return [weight * len(weights) / total for weight in weights] if total else [1.0] * len(weights)
