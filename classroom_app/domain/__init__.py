"""What a lesson is: pure values and rules."""
