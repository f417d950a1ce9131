"""Screens into patches and back: what capturing, showing and watching have in common. No Qt."""
