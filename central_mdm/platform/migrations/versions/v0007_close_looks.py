"""How long a school lets a close look go on."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "fleet_house_rules",
        sa.Column("close_seconds", sa.Integer(), nullable=False, server_default="600"),
    )
