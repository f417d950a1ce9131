"""The portal's way of a screen, against a portal that stands in; PipeWire itself is a script."""

import os
import stat
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from jeepney import DBusAddress, HeaderFields, Message, new_signal
from jeepney.io.blocking import DBusConnection

from device_bridge.agent.capabilities import Picture, unseen
from device_bridge.agent.platform.wayland_capture import (
    AGAIN_SECONDS,
    PORTAL,
    REQUEST,
    Stream,
    WaylandCapture,
    pipeline,
    streams_of,
)
from device_bridge.protocol.hello import Screen
from tests.buses import Answer, bus_in, service

BUS_NAME = "org.freedesktop.portal.Desktop"
STREAMS: list[tuple[int, dict[str, tuple[str, tuple[int, int]]]]] = [
    (43, {"position": ("(ii)", (64, 0)), "size": ("(ii)", (8, 4))}),
    (42, {"position": ("(ii)", (0, 0)), "size": ("(ii)", (64, 48))}),
    (44, {}),
]
FRAMES = """#!/bin/sh
while :; do head -c 12288 /dev/zero | tr '\\000' '\\101'; sleep 0.05; done
"""
WITHIN_SECONDS = 60.0
Seen = TypeVar("Seen")


class StandIn:
    """Answers as a portal whose pupil says yes, or no."""

    def __init__(self, says: int = 0) -> None:
        self.says = says
        self.asked: list[str] = []

    def answers(self) -> dict[tuple[str, str], Callable[[Message], Answer]]:
        steps = dict.fromkeys(("CreateSession", "SelectSources", "Start"), self._request)
        path = PORTAL.object_path
        named = {(path, name): answer for name, answer in steps.items()}
        return named | {(path, "OpenPipeWireRemote"): self._remote}

    def _request(self, asked: Message) -> Answer:
        return "o", (self._path(asked),)

    def _remote(self, asked: Message) -> Answer:
        del asked
        self._open = os.open("/dev/null", os.O_RDONLY)
        return "h", (self._open,)

    def _path(self, asked: Message) -> str:
        sender = asked.header.fields[HeaderFields.sender].lstrip(":").replace(".", "_")
        return f"{PORTAL.object_path}/request/{sender}/{asked.body[-1]['handle_token'][1]}"

    def after(self, own: DBusConnection, asked: Message) -> None:
        """Answer the request as portals do: by a signal, later."""
        member = asked.header.fields[HeaderFields.member]
        self.asked.append(member)
        results: dict[str, tuple[str, Any]] = {}
        match member:
            case "CreateSession":
                results["session_handle"] = ("s", "/session/1")
            case "Start":
                results["streams"] = ("a(ua{sv})", STREAMS)
            case "OpenPipeWireRemote":
                os.close(self._open)
                return
            case _:
                assert asked.body[0] == "/session/1"
        address = DBusAddress(self._path(asked), interface=REQUEST)
        own.send(new_signal(address, "Response", "ua{sv}", (self.says, results)))


@pytest.fixture
def bus(tmp_path: Path) -> Generator[str]:
    with bus_in(tmp_path) as address:
        yield address


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in GStreamer's place that writes frames of 64 by 48."""
    program = tmp_path / "gst-launch-1.0"
    program.write_text(FRAMES)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def until(look: Callable[[], Seen], wanted: Callable[[Seen], bool]) -> Seen:
    ends_at = time.monotonic() + WITHIN_SECONDS
    while not wanted(seen := look()):
        assert time.monotonic() < ends_at, seen
        threading.Event().wait(0.01)  # lets the other threads have their turn
    return seen


@pytest.mark.usefixtures("frames")
def test_once_the_pupil_has_said_yes_the_newest_frame_is_seen(bus: str) -> None:
    portal, token = StandIn(), count()
    with service(bus, BUS_NAME, portal.answers(), portal.after):
        capture = WaylandCapture(lambda: 0.0, lambda: f"t{next(token)}", bus)
        assert capture.grab(0) == unseen("cannot-see"), "it does not wait for the pupil"
        seen = until(lambda: capture.grab(0), lambda seen: isinstance(seen, Picture))
        assert isinstance(seen, Picture)
        assert (seen.width, seen.height, set(seen.pixels)) == (64, 48, {0x41})
        assert capture.screens() == (Screen(64, 48), Screen(8, 4))
        assert capture.grab(2) == unseen("screen-gone")
        assert capture.changed(0) is None
        capture.close()
    assert portal.asked == ["CreateSession", "SelectSources", "Start", "OpenPipeWireRemote"]


def test_a_pupil_who_says_no_is_not_asked_again_at_once(bus: str) -> None:
    portal, token, now = StandIn(says=1), count(), 0.0
    with service(bus, BUS_NAME, portal.answers(), portal.after):
        capture = WaylandCapture(lambda: now, lambda: f"t{next(token)}", bus)

        def grabbed() -> list[str]:
            assert capture.grab(0) == unseen("cannot-see")
            return portal.asked

        with closing(capture):
            until(grabbed, bool)
            now = AGAIN_SECONDS / 2
            for _ in range(20):
                assert grabbed() == ["CreateSession"]
            now = AGAIN_SECONDS
            until(grabbed, lambda asked: len(asked) == 2)


def test_without_a_portal_nothing_is_seen_and_it_is_said() -> None:
    capture = WaylandCapture(lambda: 0.0, lambda: "t", "unix:path=/nowhere")
    assert (capture.grab(0), capture.screens()) == (unseen("cannot-see"), ())


def test_streams_are_read_as_the_portal_tells_them_and_those_without_a_size_are_left_out() -> None:
    found = streams_of({"streams": ("a(ua{sv})", STREAMS)})
    assert found == (Stream(42, 0, 0, 64, 48), Stream(43, 64, 0, 8, 4))
    assert streams_of({}) == ()
    command = pipeline(found[0], 7)
    assert command[2:5] == ["pipewiresrc", "fd=7", "path=42"]
    assert "video/x-raw,format=BGRx,width=64,height=48" in command
