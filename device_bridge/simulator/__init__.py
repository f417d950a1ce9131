"""Behaving devices made of the agent's own code."""
