"""Functions over many schools, on PostgreSQL: what they may see, and who owns them."""

from alembic import op

from central_mdm.platform import gathering
from central_mdm.platform.gathering import ROLE


def want_role() -> None:
    """Make the role where there is none; a server that may not was given it by its operator."""
    gathering.want_role(op.get_bind())


def let(table: str, *verbs: str) -> None:
    """Let the role do these in a table, from within its functions only."""
    gathering.grant(op.get_bind(), table, verbs)
    what = verbs[0] if len(verbs) == 1 else "ALL"
    op.execute(
        f"CREATE POLICY gathered ON {table} FOR {what} TO {ROLE} USING (current_user = '{ROLE}')"
    )


def own(*functions: tuple[str, str]) -> None:
    """Make functions (name with its types, statement) the role's; only the server may call them."""
    for _, statement in functions:
        op.execute(statement)
    gathering.hand_over(op.get_bind(), [name for name, _ in functions])
