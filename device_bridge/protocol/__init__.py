"""Messages and state machines, sans I/O."""
