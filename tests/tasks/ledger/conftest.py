"""Ledger problems of every shape, for property tests."""

import pytest
from hypothesis import strategies as st

from omega_fast.tasks.ledger import LedgerConfig, generate


@pytest.fixture(scope="session")
def problems():
    """A hypothesis strategy; draw from it with `data.draw`."""
    configs = st.builds(
        LedgerConfig,
        operations=st.sampled_from([(1, 2), (2, 4), (3, 6)]),
        modulus=st.sampled_from([3, 6, 7, 10, 12, 23, 99]),
        registers=st.integers(1, 4),
        distractors=st.integers(0, 3),
        skin=st.sampled_from(["plain", "story"]),
    )
    return st.builds(generate, configs, st.integers(0, 10**6), st.integers(0, 10**6))
