"""All tables of all rooms, joined for migrations and tests."""

from typing import Final

from sqlalchemy import MetaData, Table

from central_mdm.fleet import model as fleet
from central_mdm.fleet import wanted_model
from central_mdm.identity import model as identity
from central_mdm.journal import model as journal
from central_mdm.partage import model as partage
from central_mdm.platform.answers import answers
from central_mdm.platform.database import metadata
from central_mdm.roster import model as roster

WITHOUT_TENANT: Final = frozenset({fleet.doors.name, identity.tenants.name})
"""Read before a school is known: which school a code opens, and which schools there are."""

_ROOMS = (
    identity.schools, roster.changes, fleet.devices, wanted_model.groups, journal.events,
    partage.files, answers,
)  # fmt: skip


def all_tables() -> MetaData:
    """Return the one MetaData, surely filled: importing the rooms has done it."""
    if any(room.metadata is not metadata for room in _ROOMS):
        raise LookupError("a room's tables stand outside the schema")
    return metadata


def tenant_tables() -> tuple[Table, ...]:
    return tuple(t for t in all_tables().sorted_tables if t.name not in WITHOUT_TENANT)
