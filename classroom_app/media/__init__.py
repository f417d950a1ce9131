"""Decoding and scaling pictures, off the loop."""
