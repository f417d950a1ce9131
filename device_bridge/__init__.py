"""All that lies between a teacher's program and a device."""
