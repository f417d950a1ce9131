"""The pupil's page: a real window over what the guard tells."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from device_bridge.agent.seat.seen import SeenPage
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.asking import Seen

ROWS = (
    Seen(300, 0, "seen-close", "=1+1", "l2", "5B"),
    Seen(170, 200, "seen-locked", "Ms\u202eVidal", "l1", "5B"),
    Seen(100, 160, "seen-overview", None, "l1"),
    Seen(-(2**40), 0, "hand", "", ""),
)


@pytest.fixture
def page(qtbot: QtBot) -> SeenPage:
    made = SeenPage(Words("en"), lambda path, text: path.write_text(text))
    qtbot.addWidget(made)
    return made


def cells(page: SeenPage, row: int) -> list[str]:
    found = [page.table.item(row, column) for column in range(page.table.columnCount())]
    return [cell.text() if cell else "" for cell in found]


def test_a_pupil_sees_who_when_what_and_in_which_lesson(page: SeenPage) -> None:
    page.tell(ROWS, more=True)
    assert cells(page, 0)[1:] == ["", "=1+1", "looked at this screen closely", "5B"]
    assert cells(page, 1)[2:] == ["Ms Vidal", "locked this screen", "5B"]
    assert cells(page, 2)[2] == "Name erased"
    assert cells(page, 3)[3] == "", "only what is told of looks has a word"
    assert page.said.text() == "Older entries are left out."


def test_the_table_is_saved_where_the_pupil_wants_and_a_full_disk_is_said(
    page: SeenPage, tmp_path: Path
) -> None:
    page.tell(ROWS, more=False)
    page.save_to(str(tmp_path / "mine.csv"))
    assert page.said.text() == "Saved."
    assert "'=1+1" in (tmp_path / "mine.csv").read_text()
    page.save_to(str(tmp_path / "no" / "mine.csv"))
    assert page.said.text() == "It cannot be saved there."


def test_nobody_has_looked_and_a_network_is_offered_only_where_there_is_one(
    page: SeenPage,
) -> None:
    page.tell((), more=False)
    assert (page.said.text(), page.export.isEnabled()) == (
        "Nobody has looked at this screen.",
        False,
    )
    page.offer("192.168.1.0/24")
    assert page.said.text().startswith("Be found on 192.168.1.0/24")
    assert not page.join.isHidden()
    page.offer("")
    assert page.join.isHidden()
