"""The settings of the tiny policy's training: its size, its problems and its two phases."""

from __future__ import annotations

from dataclasses import dataclass, field

from omega_fast.tasks.ledger.demonstrations import CLEAN, SlipRates
from omega_fast.tasks.ledger.generator import LedgerConfig

__all__ = ["Phase", "TrainingConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training on its own demonstrations.

    The learning rates rise over `warmup` steps and fall linearly to 0 over the last `decay` share of the
    steps. The curriculum starts with the shortest `shortest` share of the demonstrations and has all of them
    half-way through; 1 switches it off. Of two batches drawn, the one with the longer demonstrations is used.
    """

    rates: SlipRates
    steps: int
    demonstrations: int
    muon_rate: float
    adamw_rate: float
    decay: float
    shortest: float = 1.0
    warmup: int = 50


CLEAN_PHASE = Phase(
    rates=CLEAN,
    steps=2300,
    demonstrations=73_600,
    muon_rate=0.02,
    adamw_rate=3e-3,
    decay=0.6,
    shortest=0.1,
)
SLIP_PHASE = Phase(
    rates=SlipRates(),
    steps=800,
    demonstrations=25_600,
    muon_rate=0.01,
    adamw_rate=1.5e-3,
    decay=1.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Everything the shipped policy depends on. Heads have their own size: fast engines want 64."""

    seed: int = 0
    threads: int = 2
    batch_size: int = 32
    hidden_size: int = 128
    layers: int = 4
    heads: int = 4
    head_size: int = 64
    mlp_size: int = 384
    rope_theta: float = 1000.0
    problems: LedgerConfig = field(default_factory=LedgerConfig)
    phases: tuple[Phase, ...] = (CLEAN_PHASE, SLIP_PHASE)
