"""Files: manifests and chunks."""
