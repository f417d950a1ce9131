"""Devices that the school gives up and what they signed; the root by which a key was certified."""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.tenancy import guard

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "certificates", sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_table(
        "fleet_releases",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("thumbprint", sa.String(64), nullable=False),
        sa.Column("statement", sa.String(4096), nullable=False),
        sa.Column("receipt", sa.String(4096), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("school", "device", "thumbprint", name=op.f("pk_fleet_releases")),
    )
    guard("fleet_releases")
