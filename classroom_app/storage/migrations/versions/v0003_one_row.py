"""Keep an act in one row: each tree of pages that a commit touches costs a fifth of its time.

Salt and personal fields move from the side table into the journal. What kept an act from being told
twice was that table's key; it is the writer's memory now, filled from where a lesson begins.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lessons",
        sa.Column("lesson", sa.Text(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lesson"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO lessons SELECT lesson, min(sequence) FROM journal GROUP BY lesson")
    for name in ("salt", "fields"):
        op.add_column("journal", sa.Column(name, sa.LargeBinary(), nullable=True))
    op.execute(
        "UPDATE journal SET salt = personal.salt, fields = personal.fields FROM personal "
        "WHERE personal.lesson = journal.lesson AND personal.id = journal.id"
    )
    op.drop_table("personal")
