"""The exceptions this package raises. Every message says what is wrong, where, and what to do about it."""

__all__ = [
    "BackendError",
    "ConfigError",
    "InputError",
    "OmegaError",
    "RunConflictError",
    "RunLockedError",
    "StoreDamagedError",
    "StoreError",
]


class OmegaError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        message: What is wrong and where; lowercase, no full stop.
        hint: What to do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ConfigError(OmegaError):
    """A setting that cannot work: a wrong value, or two settings that contradict each other."""


class InputError(OmegaError):
    """A question, solution or file that cannot be read."""


class BackendError(OmegaError):
    """A generation engine that cannot be started or has stopped."""


class StoreError(OmegaError):
    """A run directory that cannot be read or written."""


class StoreDamagedError(StoreError):
    """A log whose middle does not match its checksums; nothing of it is used in silence."""


class RunLockedError(StoreError):
    """A run directory that another living process is writing."""


class RunConflictError(StoreError):
    """A run directory that was started with another identity configuration."""
