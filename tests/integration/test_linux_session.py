"""Locked, switched, at the login screen: as logind says it on a real bus, or a screen saver."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from jeepney import Message

from device_bridge.agent.capabilities import Unseen, unseen
from device_bridge.agent.platform.linux_session import (
    AGAIN_SECONDS,
    ASK_SECONDS,
    LOGIND,
    SESSION_PATH,
    LinuxSession,
)
from tests.buses import Answer, Answers, always, bus_in, service

SEAT_PATH, OTHER_PATH = "/org/freedesktop/login1/seat/seat0", "/org/freedesktop/login1/session/c1"
SEAT = {"ActiveSession": ("(so)", ("c1", OTHER_PATH))}


@pytest.fixture
def bus(tmp_path: Path) -> Generator[str]:
    with bus_in(tmp_path) as address:
        yield address


def properties(**told: tuple[str, object]) -> Callable[[Message], Answer]:
    return always("a{sv}", told)


@pytest.mark.parametrize(
    ("active", "locked", "other", "why"),
    [
        (True, False, "user", None),
        (True, True, "user", unseen("os-locked")),
        (False, True, "user", unseen("user-switched")),
        (False, False, "greeter", unseen("login-screen")),
    ],
)
def test_what_logind_says_of_the_session_is_told(
    bus: str, *, active: bool, locked: bool, other: str, why: Unseen | None
) -> None:
    own = properties(
        Active=("b", active), LockedHint=("b", locked), Seat=("(so)", ("seat0", SEAT_PATH))
    )
    answers: Answers = {
        (SESSION_PATH, "GetAll"): own,
        (SEAT_PATH, "GetAll"): properties(**SEAT),
        (OTHER_PATH, "GetAll"): properties(Class=("s", other)),
    }
    with service(bus, LOGIND, answers):
        session = LinuxSession(lambda: 0.0, bus, "unix:path=/nowhere")
        assert session.hidden() == why
        session.close()


def test_without_logind_the_screen_saver_is_asked_and_without_both_nobody_for_a_while(
    bus: str,
) -> None:
    now = 0.0
    session = LinuxSession(lambda: now, "unix:path=/nowhere", bus)
    assert session.hidden() is None
    saver: Answers = {("/org/freedesktop/ScreenSaver", "GetActive"): always("b", 1)}
    with service(bus, "org.freedesktop.ScreenSaver", saver):
        now = ASK_SECONDS
        assert session.hidden() is None
        now = AGAIN_SECONDS
        assert session.hidden() == unseen("screen-saver")
        now += ASK_SECONDS / 2
        assert session.hidden() == unseen("screen-saver")
    now += ASK_SECONDS
    assert session.hidden() is None, "it left the bus"
    session.close()
