"""Doors to other people's frameworks, one module each; none is imported unless it is asked for by name."""
