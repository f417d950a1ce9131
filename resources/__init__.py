"""Icons, translations, fonts, samples; found by importlib.resources."""
