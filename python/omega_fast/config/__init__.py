"""The settings of an annotation run, and where they come from."""

from omega_fast.config.fields import Kind, Setting, settings_of
from omega_fast.config.former import FORMER_DEFAULTS, as_started
from omega_fast.config.presets import AUTO, GUIDED_PRESETS, PRESETS, generation_settings
from omega_fast.config.resolve import changed, resolve
from omega_fast.config.schema import EMBEDDED_POLICY, LEDGER, AnnotateConfig

__all__ = [
    "AUTO",
    "EMBEDDED_POLICY",
    "FORMER_DEFAULTS",
    "GUIDED_PRESETS",
    "LEDGER",
    "PRESETS",
    "AnnotateConfig",
    "Kind",
    "Setting",
    "as_started",
    "changed",
    "generation_settings",
    "resolve",
    "settings_of",
]
