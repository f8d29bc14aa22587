"""Verifiers: rules and tools with ground truth, kept apart from the process that asks them."""
