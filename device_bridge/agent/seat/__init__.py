"""What runs in the pupil's desktop: capture, curtain, indicator, notices."""
