"""Where devices are: a sighting only adds an address; who is there is proved by TLS."""
