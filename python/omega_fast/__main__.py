"""`python -m omega_fast` is the `omega` command."""

from omega_fast.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
