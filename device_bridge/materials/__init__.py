"""Documents named by their content: manifests, chunks, the library, safe names, the bulk lane."""
