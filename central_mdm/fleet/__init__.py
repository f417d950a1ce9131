"""Devices: enrolment, check-in, inventory, policy."""
