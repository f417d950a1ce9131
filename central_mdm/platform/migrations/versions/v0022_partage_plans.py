"""What asks for files, documents and quotas finds it by an index, not among all of its school.

The indexes that these stand in for go in a later version: to drop one here would want its table
for us alone while uploads stand behind the new one, each waiting for the other. Chunks come first,
as an offer writes a chunk before it writes a file.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, *columns in (
        ("partage_chunks", "school", "brought_by", "size"),
        ("partage_files", "school", "class_id", "id"),
        ("partage_files", "school", "document"),
    ):
        name = "_".join(("ix", table, *columns))
        op.create_index(name, table, columns, if_not_exists=True)
