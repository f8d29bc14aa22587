"""Where questions come from: readers of question files, and the embedded task."""
