"""The typed messages of the central MDM's API; the one thing others may import."""
