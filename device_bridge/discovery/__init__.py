"""Where devices are: sightings."""
