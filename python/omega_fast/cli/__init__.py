"""The `omega` command: parsing and printing only; the work is done by the functions of `omega_fast.jobs`."""

from omega_fast.cli.app import main

__all__ = ["main"]
