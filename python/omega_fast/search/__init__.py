"""Searches under way: the questions of a run, their recorded responses, and what the finished ones gave."""
