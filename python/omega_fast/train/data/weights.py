"""How much each step counts in the loss."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

__all__ = ["class_weights", "each_state_once", "normalised"]


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


def each_state_once(
    states: Sequence[Sequence[Hashable]],
    targets: Sequence[Sequence[float | None]],
    weights: Sequence[Sequence[float]],
) -> tuple[list[list[float | None]], list[list[float]]]:
    """Targets and weights under which a state counts once, however many solutions go through it.

    The first step that leads to it keeps the mean of its targets, by weight, and the mean of its weights; the others
    have no target.

    >>> each_state_once(["ab", "ac"], [[0.5, 1.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]])
    ([[0.75, 1.0], [None, 0.0]], [[1.0, 1.0], [0.0, 1.0]])
    """
    found: dict[Hashable, list[tuple[float, float]]] = {}
    first: dict[Hashable, tuple[int, int]] = {}
    for row, each in enumerate(states):
        for at, state in enumerate(each):
            target = targets[row][at]
            if target is not None:
                found.setdefault(state, []).append((target, weights[row][at]))
                first.setdefault(state, (row, at))
    once: list[list[float | None]] = [[None] * len(each) for each in states]
    counted = [[0.0] * len(each) for each in states]
    for state, (row, at) in first.items():
        total = sum(weight for _, weight in found[state])
        once[row][at] = (
            sum(target * weight for target, weight in found[state]) / total if total else found[state][0][0]
        )
        counted[row][at] = total / len(found[state])
    return once, counted
