"""Where each device was last reached: lines of the settings, for they matter to nobody else."""

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from classroom_app.storage.tables import settings

Place = tuple[str, int]
NAME: Final = "place:"
PLACES_MAX: Final = 4
"""Of one device: a school's rooms have networks of their own, and a device is carried about."""

_places: Final = msgspec.json.Decoder(tuple[Place, ...])


def places(connection: Connection) -> dict[str, tuple[Place, ...]]:
    """Return by device where it was reached, the newest first."""
    query = select(settings.c.name, settings.c.value).where(settings.c.name.startswith(NAME))
    return {
        str(name).removeprefix(NAME): _places.decode(value)
        for name, value in connection.execute(query)
    }


def reached(connection: Connection, at: Mapping[str, Place]) -> None:
    """Keep where devices have just proved themselves, before where they did earlier."""
    known = places(connection)
    rows = [
        {"name": NAME + device, "value": _first(place, known.get(device, ()))}
        for device, place in at.items()
    ]
    made = insert(settings)
    newer = made.on_conflict_do_update(index_elements=["name"], set_={"value": made.excluded.value})
    connection.execute(newer, rows)


def _first(place: Place, earlier: tuple[Place, ...]) -> str:
    kept = [place, *(other for other in earlier if other != place)]
    return msgspec.json.encode(kept[:PLACES_MAX]).decode()
