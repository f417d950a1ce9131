"""Histories: the real programs in one thread under faults from a seed, and whether all is kept."""
