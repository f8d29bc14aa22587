"""The run directory: an append-only log that survives crashes, and the formats that are projected from it."""

from omega_fast.store.artifacts import Artifacts
from omega_fast.store.base import Record, RecoveryReport, StoreOptions, VerifyReport
from omega_fast.store.run import RunDirectory
from omega_fast.store.view import RunView, verify

__all__ = [
    "Artifacts",
    "Record",
    "RecoveryReport",
    "RunDirectory",
    "RunView",
    "StoreOptions",
    "VerifyReport",
    "verify",
]
