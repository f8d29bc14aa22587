"""One or two models on vLLM's OpenAI-compatible server: planned, checked, started, watched and stopped."""

from omega_fast.serving.commands import Ran, serve_while
from omega_fast.serving.messages import recipe_of
from omega_fast.serving.plan import Plan, ServerPlan, make_plan
from omega_fast.serving.run import Served, serve
from omega_fast.serving.settings import ModelSettings, ServeSettings, read_settings

__all__ = [
    "ModelSettings",
    "Plan",
    "Ran",
    "ServeSettings",
    "Served",
    "ServerPlan",
    "make_plan",
    "read_settings",
    "recipe_of",
    "serve",
    "serve_while",
]
