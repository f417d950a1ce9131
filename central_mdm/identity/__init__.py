"""Who is who: schools, sign-in, tokens, certificates."""
