"""The standby of a school's root, and the statements by which one root succeeded another."""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.tenancy import guard

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schools", sa.Column("standby", sa.String(64), server_default="", nullable=False))
    op.create_table(
        "successions",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("school", "epoch", name=op.f("pk_successions")),
    )
    guard("successions")
