"""Screens of a Wayland desktop: the portal asks the pupil once, PipeWire brings what is drawn.

Sources: org.freedesktop.portal.ScreenCast and .Request (xdg-desktop-portal); the frames come out of
GStreamer's `gst-launch-1.0 pipewiresrc`, which a desktop with a portal has or can have: no library
of ours reads PipeWire.
"""

import subprocess
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BufferedReader
from typing import Any, Final, cast

from jeepney import (
    DBusAddress,
    DBusErrorResponse,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    message_bus,
    new_method_call,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg
from msgspec import Struct

from device_bridge.agent.capabilities import Area, Picture, Unseen, unseen
from device_bridge.protocol.hello import Screen

PORTAL: Final = DBusAddress(
    "/org/freedesktop/portal/desktop",
    "org.freedesktop.portal.Desktop",
    "org.freedesktop.portal.ScreenCast",
)
REQUEST: Final = "org.freedesktop.portal.Request"
MONITORS, EMBEDDED_CURSOR, UNTIL_REVOKED = 1, 2, 2
"""Source types, cursor mode and persist mode of SelectSources."""
ANSWER_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 60.0
"""A pupil who said no is not asked again at once."""
_BYTES: Final = 4
_AWAY: Final = (OSError, DBusErrorResponse, KeyError, RuntimeError, ValueError)


class Stream(Struct, frozen=True):
    """One monitor that the pupil let us see: its PipeWire node, its place and its size."""

    node: int
    x: int
    y: int
    width: int
    height: int


def asked(token: str, method: str, session: str, restore: str) -> Message:
    """Build one of the portal's three requests. `token` names it and its session."""
    handle: dict[str, tuple[str, object]] = {"handle_token": ("s", token)}
    match method:
        case "CreateSession":
            options = handle | {"session_handle_token": ("s", token)}
            return new_method_call(PORTAL, method, "a{sv}", (options,))
        case "SelectSources":
            options = handle | {
                "types": ("u", MONITORS),
                "multiple": ("b", True),
                "cursor_mode": ("u", EMBEDDED_CURSOR),
                "persist_mode": ("u", UNTIL_REVOKED),
            }
            if restore:
                options["restore_token"] = ("s", restore)
            return new_method_call(PORTAL, method, "oa{sv}", (session, options))
        case _:
            return new_method_call(PORTAL, method, "osa{sv}", (session, "", handle))


def streams_of(results: dict[str, Any]) -> tuple[Stream, ...]:
    """Read what Start answered: those without a size are no monitors; the upper left one first."""
    told = cast("Iterable[tuple[int, dict[str, Any]]]", results.get("streams", ("", ()))[1])
    found: list[Stream] = []
    for node, properties in told:
        x, y = properties.get("position", ("", (0, 0)))[1]
        width, height = properties.get("size", ("", (0, 0)))[1]
        if width > 0 and height > 0:
            found.append(Stream(node, x, y, width, height))
    return tuple(sorted(found, key=lambda one: (one.y, one.x)))


def pipeline(stream: Stream, remote: int) -> list[str]:
    """Return the command that writes `stream`'s frames to its standard output, each of one size."""
    size = f"width={stream.width},height={stream.height}"
    return [
        *("gst-launch-1.0", "-q", "pipewiresrc", f"fd={remote}", f"path={stream.node}"),
        *("always-copy=true", "!", "videoconvert", "!", "videoscale"),
        *("!", f"video/x-raw,format=BGRx,{size}", "!", "fdsink", "fd=1", "sync=false"),
    ]


class WaylandCapture:
    """Never waits for the pupil: until they have said yes there is nothing to see.

    `clock`: monotonic seconds. `new_token`: a word of letters and digits, never the same.
    """

    def __init__(
        self, clock: Callable[[], float], new_token: Callable[[], str], bus: str = "SESSION"
    ) -> None:
        self._clock, self._new_token, self._bus = clock, new_token, bus
        self._again_at = float("-inf")
        self._restore = ""
        self._portal: DBusConnection | None = None
        self._session, self._waits_for, self._step = "", "", 0
        self._streams: tuple[Stream, ...] = ()
        self._readers: dict[int, _Reader] = {}
        self._told: dict[int, int] = {}

    def screens(self) -> tuple[Screen, ...]:
        self._go_on()
        return tuple(Screen(one.width, one.height) for one in self._streams)

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        """Say () where no frame has come; where one has, it does not tell where: None."""
        reader = self._readers.get(screen)
        if reader is None or reader.frames != self._told.get(screen):
            self._told[screen] = reader.frames if reader else 0
            return None
        return ()

    def descriptor(self) -> None:
        return None

    def grab(self, screen: int) -> Picture | Unseen:
        self._go_on()
        if not self._streams:
            return unseen("cannot-see")
        if screen >= len(self._streams):
            return unseen("screen-gone")
        try:
            reader = self._readers.get(screen) or self._read(screen)
        except _AWAY:
            self.close()
            return unseen("cannot-see")
        if reader.ended:
            self.close()
        newest, stream = reader.newest, reader.stream
        if newest is None:
            return unseen("cannot-see")
        return Picture(stream.width, stream.height, "BGRX", newest)

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._streams = ()
        if self._portal is not None:
            self._portal.close()  # the portal ends the session with its asker's connection
            self._portal = None

    def _go_on(self) -> None:
        """Take what the portal has said meanwhile; begin where nothing was begun."""
        try:
            if self._portal is None and self._clock() >= self._again_at:
                self._again_at = self._clock() + AGAIN_SECONDS
                self._begin()
            while self._portal is not None:
                self._hear(self._portal.receive(timeout=0))
        except TimeoutError:
            pass  # nothing more to hear for now
        except _AWAY:
            self.close()

    def _begin(self) -> None:
        portal = self._portal = open_dbus_connection(self._bus, enable_fds=True)
        rule = MatchRule(type="signal", interface=REQUEST)
        portal.send_and_get_reply(message_bus.AddMatch(rule), timeout=ANSWER_SECONDS)
        self._step = 0
        self._ask()

    def _ask(self) -> None:
        assert self._portal is not None  # noqa: S101 - of _begin and _hear
        token = self._new_token()
        # The answer's path, known before it is asked so that no answer is missed (Request).
        sender = self._portal.unique_name.lstrip(":").replace(".", "_")
        self._waits_for = f"{PORTAL.object_path}/request/{sender}/{token}"
        method = ("CreateSession", "SelectSources", "Start")[self._step]
        self._portal.send(asked(token, method, self._session, self._restore))

    def _hear(self, message: Message) -> None:
        fields = message.header.fields
        if message.header.message_type == MessageType.error:
            raise DBusErrorResponse(message)
        if fields.get(HeaderFields.path) != self._waits_for or len(message.body) != 2:  # noqa: PLR2004 - Response (u, a{sv})
            return
        refused, results = message.body
        if refused:
            raise RuntimeError("the portal or the pupil said no")
        self._step += 1
        match self._step:
            case 1:
                self._session = results["session_handle"][1]
                self._ask()
            case 2:
                self._ask()
            case _:
                self._waits_for = ""
                self._restore = results.get("restore_token", ("s", ""))[1]
                self._streams = streams_of(results)

    def _read(self, screen: int) -> "_Reader":
        assert self._portal is not None  # noqa: S101 - there are streams
        call = new_method_call(PORTAL, "OpenPipeWireRemote", "oa{sv}", (self._session, {}))
        (remote,) = unwrap_msg(self._portal.send_and_get_reply(call, timeout=ANSWER_SECONDS))
        with remote.to_file("w+b", buffering=0) as opened:
            reader = self._readers[screen] = _Reader(self._streams[screen], opened.fileno())
        return reader


class _Reader:
    """Keeps the newest frame of one stream; an older one that nobody took is lost."""

    def __init__(self, stream: Stream, remote: int) -> None:
        self.stream = stream
        self.newest: bytearray | None = None
        self.frames = 0
        self.ended = False
        self._child = subprocess.Popen(  # noqa: S603 - a program of the system, numbers of ours
            pipeline(stream, remote),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(remote,),
        )
        self._thread = threading.Thread(target=self._read, name="screen-cast", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._child.kill()
        self._child.wait()
        self._thread.join()

    def _read(self) -> None:
        frames = self._child.stdout
        assert isinstance(frames, BufferedReader)  # noqa: S101 - a pipe was asked for
        with frames, suppress(OSError):
            while True:
                frame = bytearray(self.stream.width * self.stream.height * _BYTES)
                if frames.readinto(frame) != len(frame):
                    break
                self.newest = frame
                self.frames += 1
        self.ended = True
