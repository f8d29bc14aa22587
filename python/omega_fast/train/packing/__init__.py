"""Tree-packed training: a search tree as one sequence, each shared beginning once, gradients as of its rows."""
