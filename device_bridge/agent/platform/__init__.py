"""One file an operating system."""
