"""Identities, certificates, grants and the time they are judged at."""
