"""What training needs beside the package: said by its extra's name where it is not there. Loads nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from omega_fast.errors import BackendError

__all__ = ["training_libraries"]


@contextmanager
def training_libraries() -> Iterator[None]:
    """Raises `BackendError` with the extra to install where an import within fails."""
    try:
        yield
    except ImportError as error:
        raise BackendError(
            f"training needs a library that is not there: {error}", hint="install omega_fast[train]"
        ) from error
