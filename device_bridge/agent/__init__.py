"""What runs on the pupil's device."""
