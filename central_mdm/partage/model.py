"""Which chunks a school holds, the documents made of them, and the files that name documents."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
)

from central_mdm.platform.database import HEX, ID, metadata

# `kept_at`: when it came or was last counted on, to the day. `leaving`: its bytes may be gone.
# `lost`: its bytes were looked for, and were not there or not what its name says; it is asked for
# again, and counts in quotas on. `brought_by`: whose quota it counts in, who brought it first.
chunks: Final = Table(
    "partage_chunks",
    metadata,
    Column("school", ID, primary_key=True),
    Column("hash", HEX, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("kept_at", BigInteger, nullable=False, server_default="0"),
    Column("leaving", Boolean, nullable=False, server_default=false()),
    Column("brought_by", ID, nullable=False, server_default=""),
    Column("lost", Boolean, nullable=False, server_default=false()),
    Index(None, "school", "brought_by"),  # to be dropped: the next does all it did
    Index(None, "school", "brought_by", "size"),
)
documents: Final = Table(
    "partage_documents",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", HEX, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
)
files: Final = Table(
    "partage_files",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("teacher", ID, nullable=False),
    Column("lesson", ID, nullable=False),
    Column("class_id", ID, nullable=False),
    Column("pupil", ID, nullable=False),
    Column("name", String(255), nullable=False),
    Column("document", HEX, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    Index(None, "school", "class_id"),  # to be dropped: the next does all it did
    Index(None, "school", "class_id", "id"),
    Index(None, "school", "document"),
)
quotas: Final = Table(
    "partage_quotas",
    metadata,
    Column("school", ID, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    # For each person alone; none: the default.
    Column("person_bytes", BigInteger),
)
