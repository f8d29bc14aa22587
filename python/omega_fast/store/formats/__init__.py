"""The formats in which results leave a run, and in which they can be read back."""
