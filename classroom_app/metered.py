"""Whether what goes over this computer's network is paid for by its amount.

Linux: NetworkManager, asked over D-Bus (`NMMetered` in its reference). On Windows and macOS, and
where nothing answers, it is not known: nothing waits then.
"""

import asyncio
import logging
import sys
from contextlib import closing
from typing import Final

log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 0.5
MANAGER: Final = "org.freedesktop.NetworkManager"
MANAGER_PATH: Final = "/org/freedesktop/NetworkManager"
_SAID: Final = {1: True, 2: False, 3: True, 4: False}
"""By the number of the property: yes, no, and the manager's guess of either. 0: it knows not."""


async def by_this_system() -> bool | None:
    """Ask whoever knows it here; None: nobody does."""
    return await asyncio.to_thread(by_network_manager) if sys.platform == "linux" else None


def by_network_manager(bus: str = "SYSTEM") -> bool | None:
    """Ask NetworkManager on the bus of that address. Blocks, for a second at the worst."""
    # Not there on Windows and macOS.
    from jeepney import DBusAddress, DBusErrorResponse, MessageFlag, Properties  # noqa: PLC0415
    from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415
    from jeepney.wrappers import unwrap_msg  # noqa: PLC0415

    asked = Properties(DBusAddress(MANAGER_PATH, MANAGER, MANAGER)).get("Metered")
    asked.header.flags |= MessageFlag.no_auto_start
    try:
        with closing(open_dbus_connection(bus, auth_timeout=ANSWER_SECONDS)) as connection:
            ((_, said),) = unwrap_msg(connection.send_and_get_reply(asked, timeout=ANSWER_SECONDS))
    # As in `device_bridge.agent.platform.linux_session`, and an answer of another shape.
    except (OSError, DBusErrorResponse, KeyError, RuntimeError, ValueError, TypeError) as error:
        log.info("metered or not: not known", extra={"why": type(error).__name__})
        return None
    return _SAID.get(said) if isinstance(said, int) else None
