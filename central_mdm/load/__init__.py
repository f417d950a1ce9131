"""Load: a served MDM is asked as a school's or a region's devices and teachers ask it."""
