"""What runs in the pupil's desktop."""
