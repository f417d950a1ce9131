"""How the store came to its newest form; run by `classroom_app.storage.migrate`."""
