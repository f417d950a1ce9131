"""The central MDM's client and the sync."""
