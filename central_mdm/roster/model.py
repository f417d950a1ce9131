"""Classes, pupils and devices; who belongs where; and the feed that tells of each change."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    or_,
)
from sqlalchemy import UniqueConstraint as Unique

from central_mdm.platform.database import ID, metadata

classes: Final = Table(
    "roster_classes",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("subject", String(64), nullable=False, server_default=""),
    # UTC seconds; 0: it is taught. Who was in it stands in `past`.
    Column("archived_at", BigInteger, nullable=False, server_default="0"),
)
OVER: Final = 1
"""`ends_at` of who teaches a class no more: long past, also for a clock that was ahead then."""
teaching: Final = Table(
    "roster_teaching",
    metadata,
    Column("school", ID, primary_key=True),
    Column("teacher", ID, primary_key=True),
    Column("class_id", ID, primary_key=True),
    Column("ends_at", BigInteger, nullable=False, server_default="0"),
)


def is_taught(now: int | BindParameter[int]) -> ColumnElement[bool]:
    """Say who has a class at `now`, UTC seconds."""
    return or_(teaching.c.ends_at == 0, teaching.c.ends_at > now)


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
# The register's own names of things, so that our ids never change, whatever goes and comes back.
sources: Final = Table(
    "roster_sources",
    metadata,
    Column("school", ID, primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("source", String(255), primary_key=True),
    Column("id", ID, nullable=False),
)
# Days are text, 2026-09-01, which sorts as they do; `ends_on` is the first day after.
sessions: Final = Table(
    "roster_sessions",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("title", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("begins_on", String(10), nullable=False),
    Column("ends_on", String(10), nullable=False),
)
terms: Final = Table(
    "roster_terms",
    metadata,
    Column("school", ID, primary_key=True),
    Column("class_id", ID, primary_key=True),
    Column("session", ID, primary_key=True),
)
hours: Final = Table(
    "roster_hours",
    metadata,
    Column("school", ID, primary_key=True),
    Column("class_id", ID, primary_key=True),
    Column("period", String(64), primary_key=True),
    Column("location", String(64), nullable=False, server_default=""),
)
# Who was in a class, without names.
past: Final = Table(
    "roster_past",
    metadata,
    Column("school", ID, primary_key=True),
    Column("class_id", ID, primary_key=True),
    Column("pupil", ID, primary_key=True),
    Column("left_at", BigInteger, nullable=False),
)
