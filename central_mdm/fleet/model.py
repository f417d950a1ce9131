"""Enrolled devices: their tokens, codes to enrol by, inventory, policy, when last seen."""

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
from sqlalchemy import UniqueConstraint as Unique

from central_mdm.platform.database import HEX, ID, metadata

devices: Final = Table(
    "fleet_devices",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("token_hash", HEX, nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
    Column("inventory_hash", HEX, nullable=False, server_default=""),
    Column("policy_version", BigInteger, nullable=False, server_default="0"),
    Column("policy_state", String(40), nullable=False, server_default=""),
    Column("policy_reason", String(200), nullable=False, server_default=""),
    Column("wanted_version", BigInteger, nullable=False, server_default="0"),
    Unique("school", "token_hash"),
)
# Narrow and without an index on the time, so that PostgreSQL updates it in place (HOT).
seen: Final = Table(
    "fleet_seen",
    metadata,
    Column("school", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
)
inventories: Final = Table(
    "fleet_inventories",
    metadata,
    Column("school", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("hash", HEX, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
)
policies: Final = Table(
    "fleet_policies",
    metadata,
    Column("school", ID, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("screen_timeout_seconds", Integer, nullable=False),
    Column("wallpaper", String(200), nullable=False),
)
# What every device of a school is told in its signed assignment, one row a school.
house_rules: Final = Table(
    "fleet_house_rules",
    metadata,
    Column("school", ID, primary_key=True),
    Column("networks", String(800), nullable=False),
    Column("gateways", String(300), nullable=False),
    Column("private_seconds", Integer, nullable=False),
    Column("close_seconds", Integer, nullable=False, server_default="600"),
)
# One that has a receipt has left.
releases: Final = Table(
    "fleet_releases",
    metadata,
    Column("school", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("thumbprint", HEX, primary_key=True),
    Column("statement", String(4096), nullable=False),
    Column("receipt", String(4096), nullable=False, server_default=""),
)
# Who let devices go: one alone, more only when a second person has confirmed it.
acts: Final = Table(
    "fleet_acts",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("devices", LargeBinary, nullable=False),
    Column("asked_by", ID, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("confirmed_by", ID, nullable=False, server_default=""),
    Column("done", Boolean, nullable=False),
    Index(None, "school", "asked_at"),
)
codes: Final = Table(
    "fleet_codes",
    metadata,
    Column("school", ID, primary_key=True),
    Column("code_hash", HEX, primary_key=True),
    Column("class_id", ID, nullable=False),
    Column("device", ID, nullable=False, server_default=""),
    Column("ends_at", BigInteger, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("revoked", Boolean, nullable=False, server_default=false()),
    Column("made_at", BigInteger, nullable=False, server_default="0"),
)
# A device that enrols knows a code and no school. This table is read without knowing the school:
# it says which school a code opens, and nothing else.
doors: Final = Table(
    "fleet_doors",
    metadata,
    Column("code_hash", HEX, primary_key=True),
    Column("school", ID, nullable=False),
)
