"""The link: dial, keep, lanes, credit, bulk."""
