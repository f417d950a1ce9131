"""What the teacher's computer keeps: SQLite by SQLAlchemy."""
