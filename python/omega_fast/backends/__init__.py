"""Engines that continue a prefix of a solution, behind one interface; each imports its own heavy library."""
