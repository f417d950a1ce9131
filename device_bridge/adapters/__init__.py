"""Devices that are not ours, one file a kind."""
