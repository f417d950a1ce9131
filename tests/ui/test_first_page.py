"""The connection check speaks of whatever the doctor finds, in words a teacher can use."""

import pytest
from pytestqt.qtbot import QtBot

from classroom_app.presenters import first_run
from classroom_app.presenters.first_run import row
from device_bridge.discovery.doctor import Check
from tests.ui.conftest import Opens

pytestmark = pytest.mark.real_loop
KEYS = [
    "addresses",
    "multicast",
    "own-announcement",
    "firewall",
    "other-machines",
    "device-network",
    "reach",
    "clock",
]


@pytest.mark.parametrize("state", ["ok", "failed", "unknown", "not-needed"])
@pytest.mark.parametrize("key", KEYS)
def test_every_finding_of_the_doctor_has_words(qtbot: QtBot, key: str, state: str) -> None:
    del qtbot
    told = row(Check(key, state, {"cause": "offline"}))  # pyright: ignore[reportArgumentType]
    assert told.title
    assert told.title != key
    assert told.second


def test_isolation_is_told_apart_from_nobody_there(qtbot: QtBot) -> None:
    del qtbot
    told = row(Check("reach", "failed", {"cause": "isolation", "tried": 3}))
    assert told.title == "The Wi-Fi probably keeps devices apart."
    assert told.to_copy


def test_only_the_first_failing_row_is_opened_and_school_is_never_an_alarm(opened: Opens) -> None:
    room = opened()
    room.first.show(
        [
            Check("multicast", "failed"),
            Check("own-announcement", "failed"),
            first_run.Check("school", "failed"),
            Check("listening", "failed"),
        ]
    )
    rows = room.first.rows()
    assert [one.state for one in rows] == ["failed", "failed", "not-needed"]
    assert [bool(one.to_copy) for one in rows] == [True, False, False]
