"""Process reward models of every published shape as step scorers; `load_scorer` finds the one a name asks for."""

from omega_fast.models.scorers.options import ScorerOptions
from omega_fast.models.scorers.table import SHAPES, Shape, load_scorer, scores_by_prefix

__all__ = ["SHAPES", "ScorerOptions", "Shape", "load_scorer", "scores_by_prefix"]
