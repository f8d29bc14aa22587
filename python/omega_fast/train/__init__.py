"""Training on labels: the process reward models. Importing this loads no torch."""
