"""The log file of a command: what the package says while it works, kept beside the run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omega_fast.cli.clean import clean
from omega_fast.errors import ConfigError, OmegaError

__all__ = ["log_to"]


@contextmanager
def log_to(prefix: str | None) -> Iterator[None]:
    """Append the package's messages, and the error that ends the block, to `PREFIX.log`, if a prefix is given.

    Raises:
        ConfigError: The file cannot be written.
    """
    if prefix is None:
        yield
        return
    path = Path(f"{prefix}.log")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"log_file_prefix: {path} cannot be written: {error.strerror}", hint="choose another prefix"
        ) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("omega_fast")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    except OmegaError as error:
        logger.error("%s", clean(f"{error.message}; hint: {error.hint}" if error.hint else error.message))
        raise
    except KeyboardInterrupt:
        logger.warning("interrupted")
        raise
    except Exception as error:
        logger.exception("%s", clean(f"{type(error).__name__}: {error}"))
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
