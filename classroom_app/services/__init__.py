"""Use cases, one file a feature, each with the ports it needs."""
