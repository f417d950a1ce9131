"""What a view shows, without a window."""
