"""Search for a solution under a step scorer: best-of-N, greedy, beam, DVTS, PRM-MCTS and an OmegaPRM-style tree."""

from omega_fast.search.guided.question_search import UNSCORED, QuestionSearch
from omega_fast.search.guided.scheduler import DrawRequest, GuidedScheduler, ScoreRequest
from omega_fast.search.guided.settings import METHOD_NAMES, GuidedSettings, Method
from omega_fast.search.guided.tree import Node, Status, state_key

__all__ = [
    "METHOD_NAMES",
    "UNSCORED",
    "DrawRequest",
    "GuidedScheduler",
    "GuidedSettings",
    "Method",
    "Node",
    "QuestionSearch",
    "ScoreRequest",
    "Status",
    "state_key",
]
