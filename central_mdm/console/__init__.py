"""Web pages for the school's administrator."""
