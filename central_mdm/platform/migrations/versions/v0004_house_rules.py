"""What a school rules for all its devices."""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.tenancy import guard

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
    guard("fleet_house_rules")
