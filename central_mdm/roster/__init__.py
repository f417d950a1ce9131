"""Classes, pupils, teachers."""
