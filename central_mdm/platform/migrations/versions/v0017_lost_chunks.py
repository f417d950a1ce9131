"""Which chunks are lost, and when a school was tidied last."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "partage_chunks",
        sa.Column("lost", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column(
        "schools", sa.Column("tidied_at", sa.BigInteger(), server_default="0", nullable=False)
    )
