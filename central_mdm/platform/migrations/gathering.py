"""Functions over many schools, on PostgreSQL: what they may see, and who owns them."""

from typing import Final

import sqlalchemy as sa
from alembic import op

ROLE: Final = "pupitre_gather"


def want_role() -> None:
    """Make the role where there is none; a server that may not was given it by its operator."""
    known = sa.text("SELECT count(*) FROM pg_roles WHERE rolname = :role").bindparams(role=ROLE)
    if not op.get_bind().execute(known).scalar():
        op.execute(f"CREATE ROLE {ROLE} NOLOGIN")
    member = sa.text("SELECT pg_has_role(current_user, :role, 'MEMBER')").bindparams(role=ROLE)
    if not op.get_bind().execute(member).scalar():
        op.execute(f"GRANT {ROLE} TO CURRENT_USER")


def let(table: str, *verbs: str) -> None:
    """Let the role do these in a table, from within its functions only."""
    op.execute(f"GRANT {', '.join(verbs)} ON {table} TO {ROLE}")
    what = verbs[0] if len(verbs) == 1 else "ALL"
    op.execute(
        f"CREATE POLICY gathered ON {table} FOR {what} TO {ROLE} USING (current_user = '{ROLE}')"
    )


def own(*functions: tuple[str, str]) -> None:
    """Make functions (name with its types, statement) the role's; only the server may call them."""
    op.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {ROLE}")
    for name, statement in functions:
        op.execute(statement)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO CURRENT_USER")
        op.execute(f"ALTER FUNCTION {name} OWNER TO {ROLE}")
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {ROLE}")
