"""Keep each act's salted hash in the journal, so that the chain holds after an erasure.

Salt and fields stand beside it under the journal's sequence: one page less to write for each act.
The links do not change, for the same salted hash was in them before.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from blake3 import blake3

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Apart = dict[str, int | bytes]


def upgrade() -> None:
    # Filled for each row below; the default only lets SQLite add the column.
    op.add_column(
        "journal",
        sa.Column("apart", sa.LargeBinary(), nullable=False, server_default=sa.text("x''")),
    )
    connection = op.get_bind()
    for each in list(_aparts(connection)):
        connection.execute(
            sa.text("UPDATE journal SET apart = :apart WHERE sequence = :sequence"), each
        )
    op.create_table(
        "personal_by_sequence",
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.execute(
        "INSERT INTO personal_by_sequence SELECT journal.sequence, salt, fields "
        "FROM personal JOIN journal ON journal.id = personal.id"
    )
    op.drop_table("personal")
    op.rename_table("personal_by_sequence", "personal")


def _aparts(connection: sa.Connection) -> Iterator[Apart]:
    query = (
        "SELECT journal.sequence, salt, fields FROM journal "
        "JOIN personal ON personal.id = journal.id"
    )
    for sequence, salt, fields in connection.execute(sa.text(query)):
        yield {"sequence": sequence, "apart": blake3(salt + fields).digest()}
