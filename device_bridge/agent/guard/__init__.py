"""The service: identity, port, declared state."""
