"""Restarting a Linux machine by logind, asked over D-Bus (org.freedesktop.login1, systemd)."""

import time
from contextlib import closing
from typing import Final

from jeepney import DBusAddress, DBusErrorResponse, MessageFlag, new_method_call
from jeepney.io.blocking import open_dbus_connection
from jeepney.wrappers import unwrap_msg

from device_bridge.agent.settings import Unsupported

MANAGER: Final = DBusAddress(
    "/org/freedesktop/login1", "org.freedesktop.login1", "org.freedesktop.login1.Manager"
)
IN_SECONDS: Final = 60
"""What is open can be saved until then; logind itself tells every login."""
NO_LOGIND: Final = "no logind that lets the agent restart this machine"
_ANSWER_SECONDS: Final = 3.0
# KeyError, RuntimeError: jeepney knows no address of that bus; ValueError: it was refused there.
_AWAY: Final = (OSError, DBusErrorResponse, KeyError, RuntimeError, ValueError)


def restart(bus: str = "SYSTEM") -> None:
    """Have logind restart the machine in a minute. Raises Unsupported where it does not."""
    at_microseconds = int((time.time() + IN_SECONDS) * 1e6)
    asked = (
        new_method_call(MANAGER, "CanReboot"),
        new_method_call(MANAGER, "ScheduleShutdown", "st", ("reboot", at_microseconds)),
    )
    try:
        with closing(open_dbus_connection(bus, auth_timeout=_ANSWER_SECONDS)) as connection:
            for message in asked:
                message.header.flags |= MessageFlag.no_auto_start
                reply = connection.send_and_get_reply(message, timeout=_ANSWER_SECONDS)
                told = unwrap_msg(reply)
                if told and told[0] != "yes":
                    raise Unsupported(NO_LOGIND)
    except _AWAY as error:
        raise Unsupported(NO_LOGIND) from error
