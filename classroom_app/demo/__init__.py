"""The self-playing lesson."""
