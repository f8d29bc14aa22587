"""Recipes of several `omega` commands: each stage run once, resumed where it was left, and told in one page."""
