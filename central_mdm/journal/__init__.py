"""What the classes report, kept once."""
