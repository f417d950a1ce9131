"""A journal that goes on under another id says after how many entries it does."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "journal_origins", sa.Column("after", sa.BigInteger(), server_default="0", nullable=False)
    )
