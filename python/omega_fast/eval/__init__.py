"""What a process reward model is worth: first errors, step labels, choosing among samples, calibration."""
