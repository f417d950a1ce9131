"""Behaving devices made of the agent's own code: only screen and person are simulated."""
