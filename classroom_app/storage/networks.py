"""What networks are called that devices were met on: lines of the settings, as their places."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from classroom_app.storage.settings import keep
from classroom_app.storage.tables import settings

NAME: Final = "network:"


def networks(connection: Connection) -> dict[str, str]:
    """Return the Wi-Fi's name by range, as `10.0.0.0/24`; "" for a cable."""
    query = select(settings.c.name, settings.c.value).where(settings.c.name.startswith(NAME))
    return {str(name).removeprefix(NAME): str(value) for name, value in connection.execute(query)}


def met_on(connection: Connection, names: Mapping[str, str]) -> None:
    """Keep what the networks are called on which devices have just proved themselves."""
    keep({NAME + network: name for network, name in names.items()}, connection)
