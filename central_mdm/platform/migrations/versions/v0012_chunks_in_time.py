"""Since when a chunk is here, whether it is on its way out, and how much a school may keep."""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.tenancy import guard

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "partage_chunks", sa.Column("kept_at", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "partage_chunks",
        sa.Column("leaving", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "partage_quotas",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", name=op.f("pk_partage_quotas")),
    )
    guard("partage_quotas")
