"""How the database came to its present form; each version is a file that never changes."""
