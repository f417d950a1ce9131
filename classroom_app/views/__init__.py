"""Widgets: they paint and forward, and decide nothing."""
