"""What the functions over many schools need on PostgreSQL: a role of their own, and its rights.

A copy of a database tells neither who owns what nor who may what, so all of it is given once more
where one was taken back.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, text

ROLE: Final = "pupitre_gather"
WRITTEN: Final = {
    "fleet_devices": ("SELECT", "UPDATE"),
    "fleet_inventories": ("SELECT", "INSERT", "UPDATE"),
    "fleet_seen": ("SELECT", "INSERT", "UPDATE"),
}
"""What the role may do where it writes; all else that it is shown (`gathered`) it reads."""


def want_role(connection: Connection) -> None:
    """Make the role where there is none; a server that may not was given it by its operator."""
    known = text("SELECT count(*) FROM pg_roles WHERE rolname = :role")
    if not connection.execute(known, {"role": ROLE}).scalar():
        connection.exec_driver_sql(f"CREATE ROLE {ROLE} NOLOGIN")
    member = text("SELECT pg_has_role(current_user, :role, 'MEMBER')")
    if not connection.execute(member, {"role": ROLE}).scalar():
        connection.exec_driver_sql(f"GRANT {ROLE} TO CURRENT_USER")


def grant(connection: Connection, table: str, verbs: Iterable[str]) -> None:
    """Let the role do these in a table; its policy there wants that one of its functions does."""
    connection.exec_driver_sql(f"GRANT {', '.join(verbs)} ON {table} TO {ROLE}")


def hand_over(connection: Connection, functions: Iterable[str]) -> None:
    """Make functions (names with their types) the role's; only the server may call them."""
    connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA public TO {ROLE}")
    for name in functions:
        connection.exec_driver_sql(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
        connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION {name} TO CURRENT_USER")
        connection.exec_driver_sql(f"ALTER FUNCTION {name} OWNER TO {ROLE}")
    connection.exec_driver_sql(f"REVOKE CREATE ON SCHEMA public FROM {ROLE}")


def give_again(connection: Connection) -> None:
    """Give the role all that it needs in a database of any version that was taken back."""
    shown = text(
        "SELECT tablename FROM pg_policies WHERE schemaname = 'public' AND policyname = 'gathered'"
    )
    for table in connection.execute(shown).scalars().all():
        grant(connection, table, WRITTEN.get(table, ("SELECT",)))
    ours = text(
        "SELECT oid::regprocedure::text FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    hand_over(connection, connection.execute(ours).scalars().all())
