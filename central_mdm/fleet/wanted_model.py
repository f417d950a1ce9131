"""What is wanted of devices: groups, declarations, orders, lost and wipe; what they report."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table

from central_mdm.platform.database import HEX, ID, metadata

groups: Final = Table(
    "fleet_groups",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("rule", LargeBinary),  # None: a list
)
members: Final = Table(
    "fleet_members",
    metadata,
    Column("school", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("group_id", ID, primary_key=True),
    Index(None, "school", "group_id"),
)
# One that has no body was taken back; it stays, so that versions only rise.
declarations: Final = Table(
    "fleet_declarations",
    metadata,
    Column("school", ID, primary_key=True),
    Column("scope", String(8), primary_key=True),
    Column("target", ID, primary_key=True),
    Column("feature", String(40), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("body", LargeBinary),
    Column("declared_by", ID, nullable=False),
    Column("declared_at", BigInteger, nullable=False),
)
reports: Final = Table(
    "fleet_reports",
    metadata,
    Column("school", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("feature", String(40), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("told_at", BigInteger, nullable=False),
)
orders: Final = Table(
    "fleet_orders",
    metadata,
    Column("school", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("body", String(400), nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("asked_by", ID, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(200), nullable=False, server_default=""),
)
urgent: Final = Table(
    "fleet_urgent",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("device", ID, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("text", String(400), nullable=False),
    Column("asked_by", ID, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("delay_seconds", BigInteger, nullable=False, server_default="0"),
    Column("confirmed_by", ID, nullable=False, server_default=""),
    Column("runs_at", BigInteger, nullable=False, server_default="0"),
    Column("state", String(16), nullable=False),
    Column("reason", String(200), nullable=False, server_default=""),
    Index(None, "school", "device"),
    Index(None, "school", "asked_at"),
)
# The newest that a device has told through others' hands, who brought it, and its key (X25519).
carried: Final = Table(
    "fleet_carried",
    metadata,
    Column("school", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("counter", BigInteger, nullable=False),
    Column("digest", HEX, nullable=False),
    Column("box", HEX, nullable=False),
    Column("carried_by", ID, nullable=False),
    Column("arrived_at", BigInteger, nullable=False),
)
