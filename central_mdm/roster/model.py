"""Classes, pupils and devices; who belongs where; and the feed that tells of each change."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table
from sqlalchemy import UniqueConstraint as Unique

from central_mdm.platform.database import ID, metadata

classes: Final = Table(
    "roster_classes",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("subject", String(64), nullable=False, server_default=""),
)
teaching: Final = Table(
    "roster_teaching",
    metadata,
    Column("school", ID, primary_key=True),
    Column("teacher", ID, primary_key=True),
    Column("class_id", ID, primary_key=True),
    Column("ends_at", BigInteger, nullable=False, server_default="0"),
)
pupils: Final = Table(
    "roster_pupils",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("given_name", String(64), nullable=False),
    Column("family_name", String(64), nullable=False),
)
memberships: Final = Table(
    "roster_memberships",
    metadata,
    Column("school", ID, primary_key=True),
    Column("class_id", ID, primary_key=True),
    Column("pupil", ID, primary_key=True),
    Column("display", String(64), nullable=False),
    Column("seat", Integer, nullable=False, server_default="0"),
    Unique("school", "class_id", "display"),
)
devices: Final = Table(
    "roster_devices",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("assignment_version", BigInteger, nullable=False, server_default="0"),
)
placements: Final = Table(
    "roster_placements",
    metadata,
    Column("school", ID, primary_key=True),
    Column("class_id", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("pupil", ID, nullable=False, server_default=""),
    Index(None, "school", "device"),
)
scopes: Final = Table(
    "roster_scopes",
    metadata,
    Column("school", ID, primary_key=True),
    Column("scope", String(80), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)
changes: Final = Table(
    "roster_changes",
    metadata,
    Column("school", ID, primary_key=True),
    Column("scope", String(80), primary_key=True),
    Column("entity", String(16), primary_key=True),
    Column("id", ID, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("row", LargeBinary),
    Index(None, "school", "scope", "sequence"),
)
