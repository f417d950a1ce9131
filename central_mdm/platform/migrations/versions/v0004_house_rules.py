"""What a school rules for all its devices."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fleet_house_rules",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("networks", sa.String(800), nullable=False),
        sa.Column("gateways", sa.String(300), nullable=False),
        sa.Column("private_seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("school", name=op.f("pk_fleet_house_rules")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _guard("fleet_house_rules")


def _guard(table: str) -> None:
    """Show and take a school's rows only to and from a transaction of that school."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    # Also for the owner of the tables, for the server is its owner.
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {table} "
        "USING (school = current_setting('pupitre.school', true)) "
        "WITH CHECK (school = current_setting('pupitre.school', true))"
    )
