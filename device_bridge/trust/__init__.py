"""Identities, certificates, grants."""
