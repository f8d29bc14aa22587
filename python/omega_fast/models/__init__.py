"""Torch modules: process reward models and the tiny policy of the embedded task."""
