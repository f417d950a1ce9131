"""Keep of each scope the text by which the server goes on, instead of a number of its own.

A number of before makes no such text, so each scope is told whole once. Its rows and its epoch
stay: what went meanwhile is told as well, and a server that was set back is noticed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.rename_table("cursors", "cursors_before")
    op.create_table(
        "cursors",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.execute("INSERT INTO cursors SELECT scope, epoch, '' FROM cursors_before")
    op.drop_table("cursors_before")
