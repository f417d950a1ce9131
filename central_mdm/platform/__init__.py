"""Database, object store, authentication."""
