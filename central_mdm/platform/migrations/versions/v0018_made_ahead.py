"""What a clock ahead has left: codes that are spent, when one was made, which key is newest.

And no temporary table stands before those that the gathered functions mean.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

GATHERED = (
    "fleet_standing(text[], text[])",
    "fleet_saw(text[], text[], bigint[])",
    "fleet_told(text[], text[], bigint[], text[], text[], text[], bytea[], bigint[])",
)


def upgrade() -> None:
    op.add_column(
        "second_factors",
        sa.Column("spent_steps", sa.String(400), server_default="", nullable=False),
    )
    op.add_column(
        "fleet_codes", sa.Column("made_at", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "certificates", sa.Column("rank", sa.BigInteger(), server_default="0", nullable=False)
    )
    if op.get_bind().dialect.name == "postgresql":
        for function in GATHERED:
            # Where it is not named, what is temporary is looked at first.
            op.execute(f"ALTER FUNCTION {function} SET search_path = public, pg_temp")
