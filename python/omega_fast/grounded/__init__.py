"""GroundedPRM (arXiv 2510.14942): structured roots, tool-verified tree search, data for a generative reward model."""
