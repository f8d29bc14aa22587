"""The published settings of implicit rewards at evaluation, apart from what needs torch."""

__all__ = ["COEFFICIENT"]

COEFFICIENT = 0.001
"""What the log-ratio is multiplied with; not the coefficient of training."""
