"""Row-level security for a new table, for all versions after 0001, whose own copy never changes."""

from alembic import op


def guard(*tables: str) -> None:
    """On PostgreSQL, keep a school's rows to transactions of that school, both ways."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        # Also for the owner of the tables, for the server is its owner.
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table} "
            "USING (school = current_setting('pupitre.school', true)) "
            "WITH CHECK (school = current_setting('pupitre.school', true))"
        )
