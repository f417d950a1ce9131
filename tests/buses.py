"""A D-Bus daemon of a test's own, and what stands on it for the services of a desktop."""

import subprocess
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_call,
    new_method_return,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection

ENDS: Final = "org.pupitre.Ends"
CONFIG: Final = """<busconfig><type>session</type><listen>unix:path={path}</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*"/><allow own="*"/>
<allow eavesdrop="true"/></policy></busconfig>"""
# An answer: the signature and the values of its body.
Answer = tuple[str, tuple[Any, ...]]
Answers = Mapping[tuple[str, str], Callable[[Message], Answer]]


@contextmanager
def bus_in(folder: Path) -> Generator[str]:
    """Run a bus; yield its address."""
    config = folder / "bus.conf"
    config.write_text(CONFIG.format(path=folder / "bus"))
    command = ("dbus-daemon", "--nofork", "--print-address", "--config-file", str(config))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        yield daemon.stdout.readline().strip()
        daemon.kill()


def always(signature: str, *values: object) -> Callable[[Message], Answer]:
    return lambda _: (signature, values)


@contextmanager
def service(
    bus: str,
    name: str,
    answers: Answers,
    after: Callable[[DBusConnection, Message], None] = lambda _own, _asked: None,
) -> Generator[None]:
    """Own `name` and answer by path and member; all else is an error. `after`: what follows."""
    own = open_dbus_connection(bus, enable_fds=True)
    to_bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    own.send_and_get_reply(new_method_call(to_bus, "RequestName", "su", (name, 4)), timeout=5)
    thread = threading.Thread(target=_serve, args=(own, answers, after))
    thread.start()
    try:
        yield
    finally:
        other = open_dbus_connection(bus)
        other.send(new_method_call(DBusAddress("/", name, ENDS), "Ends"))
        thread.join(5)
        other.close()
        own.close()


def _serve(
    own: DBusConnection,
    answers: Answers,
    after: Callable[[DBusConnection, Message], None],
) -> None:
    while True:
        asked = own.receive()
        if asked.header.message_type != MessageType.method_call:
            continue
        fields = asked.header.fields
        if fields[HeaderFields.member] == "Ends":
            return
        answer = answers.get((fields[HeaderFields.path], fields[HeaderFields.member]))
        if answer is None:
            own.send(new_error(asked, "org.freedesktop.DBus.Error.UnknownObject"))
        else:
            own.send(new_method_return(asked, *answer(asked)))
            after(own, asked)
