"""The sheet that says where the exchange with the school stands."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QProgressBar, QScrollArea

from classroom_app.cloud.errors import NotAServer, ObjectsUnreachable, Refused, Unreachable
from classroom_app.domain.errors import NotKept, NotSaved, SavingFull, StoreFull
from classroom_app.presenters.journal import JournalRow
from classroom_app.presenters.receipts import School, Sending
from classroom_app.presenters.standing import (
    DecidedRow,
    Standing,
    decided_words,
    listed,
    trouble_words,
)
from classroom_app.views.standing import StandingSheet
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, lively, locked

WORK = JournalRow("a", NOW, "handed-in", "Emma", "pond.pdf")
MOVED = DecidedRow(WORK, "foreign-pupil", True, "5e B", NOW - 3600, "", True)  # noqa: FBT003 - a file that is here
TOO_LARGE = DecidedRow(
    JournalRow("b", NOW, "handed-in", "Noah", "film.mp4"), "too-large", work=True, saves=True
)


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.begin(lively())
    return made


def click(room: Room, name: str) -> None:
    room.button(name).click()


def sheet_of(room: Room) -> StandingSheet:
    sheet = room.window.sheets.open_sheet
    assert isinstance(sheet, StandingSheet)
    return sheet


def words(room: Room) -> list[str]:
    return [one.text() for one in sheet_of(room).findChildren(QLabel) if one.isVisible()]


def shows(room: Room, school: School, standing: Standing | None = None) -> list[str]:
    """Let the sheet hear of it; return what it says then."""
    room.desk.show_school(school)
    if standing is not None:
        room.desk.show_standing(standing)
    room.desk.changed.emit()  # as its pace does
    room.settle()
    return words(room)


def asked(room: Room) -> list[str]:
    return [name for name, *_ in room.acts.asked]


def test_the_sheet_tells_what_waits_what_was_decided_and_why(room: Room) -> None:
    asked, seen = list[int](), list[int]()
    room.desk.standing_asked.connect(lambda: asked.append(1))
    room.desk.decided_seen.connect(lambda: seen.append(1))
    portal = School(synced_at=NOW - 90000, waiting=3, why="portal")
    room.desk.show_school(portal)
    assert room.desk.school_words() == "This network wants you to sign in first"
    click(room, "sync-now")
    assert asked
    told = shows(room, portal, Standing(2, 1, 2_000_000, (MOVED,)))
    assert any("open any page in your browser" in one for one in told)
    assert "Waiting: 2 entries of the journal · 1 collected work (2.0 MB)" in told
    assert "Work taken in · Emma · pond.pdf" in told
    (decided,) = [one for one in told if one.startswith("Lesson of 5e B, ")]
    assert decided.endswith("\nEmma is no longer in 5e B. The work stays here.")
    click(room, "standing-seen")
    assert seen


def test_a_full_disk_here_is_not_told_as_the_servers_wish(room: Room) -> None:
    click(room, "sync-now")
    told = shows(room, School(synced_at=NOW - 90000, waiting=3, why="not-kept"))
    assert room.desk.school_words() == "This computer's disk is full or fails"
    assert not any("server" in one for one in told)
    assert any(one.startswith("This computer's disk is full, fails, or may not") for one in told)


def test_our_own_servers_fault_is_not_told_as_anothers(room: Room) -> None:
    click(room, "sync-now")
    told = shows(room, School(synced_at=NOW - 90000, waiting=3, why="server-fault"))
    assert "The school's server answers wrongly. All waits here; tell your administrator." in told
    assert room.desk.school_words() == "The school's server answers wrongly"
    told = shows(room, School(synced_at=NOW - 90000, waiting=3, why="https"))
    assert "The school's server wants an address that begins with https://." in told


def test_a_pupil_who_moved_is_told_of_by_name_and_class_as_far_as_they_are_known(
    room: Room,
) -> None:
    del room
    to_2b = DecidedRow(WORK, "foreign-pupil", class_name="5e B", now_in="2B")
    assert decided_words(to_2b) == "Emma is now in 2B, no longer in 5e B. The work stays here."
    erased = DecidedRow(JournalRow("a", NOW, "handed-in"), "foreign-pupil")
    assert decided_words(erased) == "The pupil is no longer in this class."
    lost = DecidedRow(WORK, "foreign-class", class_name="5e B")
    assert decided_words(lost) == "5e B is no longer your class at the school. This stays here."
    assert decided_words(DecidedRow(WORK, "unheard-of")).endswith(": unheard-of")


def test_what_is_not_listed_yet_is_not_seen_either(room: Room) -> None:
    click(room, "sync-now")
    many = tuple(replace(MOVED, row=replace(WORK, id=str(number))) for number in range(5))
    told = shows(room, School(reached=True, synced_at=NOW, refused=5), Standing(decided=many))
    assert told[-1] == "and 2 more"
    assert [one.row.id for one in listed(room.desk.standing)] == ["0", "1", "2"]


def test_while_it_saves_the_keys_are_at_its_stop(room: Room) -> None:
    click(room, "sync-now")
    shows(room, School(reached=True, synced_at=NOW, refused=1), Standing(decided=(MOVED,)))
    sheet, saving = sheet_of(room), room.desk.saving
    sheet.save.setFocus()
    saving.busy = True
    saving.changed.emit()
    assert sheet.stop_saving.hasFocus()
    QTest.keyClick(sheet.stop_saving, Qt.Key.Key_Return)
    saving.busy = False
    saving.changed.emit()
    assert sheet.save.hasFocus()


def test_in_step_nothing_asks_to_be_seen(room: Room) -> None:
    room.desk.show_school(School(reached=True, synced_at=NOW))
    click(room, "sync-now")
    room.settle()
    told = words(room)
    assert told[1].startswith("Last in step: ")
    assert told[2:] == ["Nothing waits."]
    click(room, "sync-again")
    assert sheet_of(room).isVisible()
    assert asked(room) == ["sync-now"] * 2


def test_on_a_metered_network_it_says_what_waits_and_a_word_sends_it(room: Room) -> None:
    held = School(reached=True, synced_at=NOW, waiting=1, held="metered")
    click(room, "sync-now")
    told = shows(room, held, Standing(0, 1, 20_000_000))
    assert told[-1].startswith("This network is paid for by its amount")
    send = room.button("send-now")
    send.setFocus()
    QTest.keyClick(send, Qt.Key.Key_Return)
    assert asked(room) == ["sync-now", "send-files"]
    assert sheet_of(room).isVisible()
    told = shows(room, School(reached=True, synced_at=NOW, waiting=1, held="slow"))
    assert told[-1].startswith("The line is slow")
    assert not send.isVisible()


def test_while_works_go_it_shows_how_far_and_ends_on_a_word(room: Room) -> None:
    click(room, "sync-now")
    sending = Sending(2, 5, 3_100_000, 12_400_000)
    going = School(reached=True, synced_at=NOW, waiting=3, busy=True, sending=sending)
    counted = list[int]()
    room.desk.standing_asked.connect(lambda: counted.append(1))
    assert "Sending works: 2 of 5 · 3.1 MB of 12.4 MB" in shows(room, going)
    bar = sheet_of(room).findChild(QProgressBar)
    assert isinstance(bar, QProgressBar)
    assert bar.value() == 250
    assert room.button("sync-again").isEnabled(), "what is small goes beside it"
    farther = Sending(2, 5, 6_200_000, 12_400_000)
    shows(room, School(reached=True, synced_at=NOW, waiting=3, busy=True, sending=farther))
    assert bar.value() == 500
    assert len(counted) == 1, "the store is not asked for each piece"
    click(room, "sending-stop")
    assert asked(room) == ["sync-now", "stop-files"]
    told = shows(room, School(reached=True, synced_at=NOW, waiting=3, held="stopped"))
    assert not bar.isVisible()
    assert told[-1] == "You stopped it. It goes on within an hour, where it was."
    assert room.button("send-now").isVisible()


def test_what_the_school_did_not_take_is_saved_to_a_chosen_folder(
    room: Room, tmp_path: Path, nothing_unexpected: list[str]
) -> None:
    click(room, "sync-now")
    shows(
        room, School(reached=True, synced_at=NOW, refused=2), Standing(decided=(MOVED, TOO_LARGE))
    )
    save = room.button("save-works")
    assert save.toolTip()
    save.setFocus()
    QTest.keyClick(save, Qt.Key.Key_Space)
    dialog = sheet_of(room).dialog
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path))
    dialog.close()
    # The offscreen window says that of every dialog.
    heard = [one for one in nothing_unexpected if "propagateSizeHints" not in one]
    nothing_unexpected[:] = heard
    assert room.acts.asked[-1] == ("save-works", (), f"{tmp_path} a,b")
    assert f"2 works are saved in {tmp_path.name}." in words(room)
    assert save.hasFocus()
    for error, told in (
        (SavingFull("stick", 1), "stick is full. Saved so far: 1. Make room, or choose another."),
        (
            NotSaved("stick", 0),
            "stick cannot be written to. Saved so far: 0. Choose another folder.",
        ),
    ):
        room.acts.refuses = error
        room.desk.saving.start(["a"], "stick")
        assert told in words(room)
        assert save.isEnabled()


def test_nothing_is_offered_to_be_saved_where_no_file_is_here(room: Room) -> None:
    click(room, "sync-now")
    lost = DecidedRow(WORK, "lost-here", work=True)
    told = shows(room, School(reached=True, synced_at=NOW, refused=1), Standing(decided=(lost,)))
    assert told[-1].endswith("The file is no longer on this computer.")
    assert not sheet_of(room).save.isVisible()


def test_asked_in_vain_it_says_that_it_tries_and_then_when_it_did_and_will(room: Room) -> None:
    away = School(synced_at=NOW - 60, waiting=4, why="unreachable", tried_at=NOW, again_at=NOW + 40)
    room.desk.show_school(away)
    click(room, "sync-now")
    before = shows(room, away)
    (tried,) = [one for one in before if one.startswith("Tried at ")]
    assert "; the next try is at " in tried
    click(room, "sync-again")
    sheet = sheet_of(room)
    assert "Exchanging…" in words(room)
    assert (sheet.now.text(), sheet.now.property("busy")) == ("Exchanging…", "yes")
    assert sheet.now.hasFocus(), "and its ring stays where the eye is"
    QTest.keyClick(sheet.now, Qt.Key.Key_Return)
    shows(room, replace(away, tried_at=NOW + 2))  # the refusal came at once
    assert sheet.now.text() == "Exchanging…", "for as long as one takes to read it"
    sheet.trying.stop()
    sheet.refresh()
    assert (sheet.now.text(), sheet.now.property("busy")) == ("Sync now", "")
    assert sheet.now.hasFocus(), "Enter asks once more, and closes nothing"
    assert tried not in words(room)
    assert any(one.startswith("Tried at ") for one in words(room))
    assert asked(room) == ["sync-now"] * 2


def test_word_of_the_server_displaces_nothing_that_is_under_way_for_the_class(room: Room) -> None:
    room.desk.lock()
    room.wall.show(locked())
    room.acts.refuses = Unreachable()
    click(room, "sync-now")
    assert room.desk.said().text == "25 of 28 locked"
    assert room.desk.said().undo
    assert shows(room, School(synced_at=NOW, why="unreachable"))[2].startswith("The school's serv")
    room.acts.refuses = NotKept()
    click(room, "sync-again")
    assert room.desk.said().text.startswith("This could not be written down"), "no sheet says it"
    room.desk.show_school(School(synced_at=NOW, why="not-kept"))
    room.desk.sync_now()
    room.settle()
    assert room.desk.said().text.startswith("This computer's disk is full, fails, or may not be")


@pytest.mark.parametrize(
    ("error", "why", "begins"),
    [
        (ObjectsUnreachable("refused"), "storage", "From here the place where the school keeps"),
        (NotAServer("portal"), "portal", "This network wants you to sign in first"),
        (NotAServer("certificate"), "certificate", "Something else answers in place"),
        (NotAServer("answers"), "server-fault", "The school's server answers wrongly."),
        (Refused("quota"), "no-room", "The school's server has no room for all works."),
        (NotKept("Input/output error"), "not-kept", "This computer's disk is full, fails,"),
        (StoreFull(), "not-kept", "This computer is full."),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_outside_a_lesson_sync_now_says_what_the_sheet_says(
    opened: Opens, error: Exception, why: str, begins: str
) -> None:
    room = opened()
    room.acts.refuses = error
    room.desk.show_school(School(synced_at=NOW, waiting=1, why=why))
    room.desk.sync_now()
    room.settle()
    said = room.desk.words_after()
    assert said.startswith(begins)
    assert said == trouble_words(room.desk.school) or why == "not-kept"


def test_beside_works_that_go_sync_now_says_what_it_met_itself(opened: Opens) -> None:
    room = opened()
    room.acts.refuses = NotAServer("portal")
    works_go = Sending(of_files=2)
    room.desk.show_school(School(synced_at=NOW, why="storage", busy=True, sending=works_go))
    room.desk.sync_now()
    room.settle()
    assert room.desk.words_after().startswith("This network wants you to sign in first")


def test_the_sheet_stands_over_its_button_and_leaves_the_bar_free(room: Room) -> None:
    click(room, "sync-now")
    bar = room.window.bar_d
    sheet, top = sheet_of(room), bar.mapTo(room.window, QPoint(0, 0)).y()
    button = bar.school.mapTo(room.window, QPoint(0, 0)).x()
    for standing in (Standing(), Standing(decided=(MOVED, TOO_LARGE))):
        shows(room, School(synced_at=NOW, why="portal", refused=2), standing)
        assert sheet.geometry().bottom() < top
        assert sheet.geometry().left() <= button <= sheet.geometry().right()


def crowded(room: Room, refused: int) -> StandingSheet:
    """Let the sheet say all that it ever says at once."""
    many = [replace(MOVED, row=replace(WORK, id=str(number))) for number in range(refused)]
    school = School(
        *(False, NOW - 90_000, 17, refused, 1),
        restored=True,
        why="portal",
        held="metered",
        tried_at=NOW,
        again_at=NOW + 20,
    )
    room.desk.show_school(school)
    room.desk.show_standing(Standing(14, 3, 48_000_000, tuple(many)))
    click(room, "sync-now")
    room.settle()
    return sheet_of(room)


def test_in_a_low_window_its_words_scroll_and_its_buttons_stay_in_sight(opened: Opens) -> None:
    room = opened("de")
    room.begin(lively(), (1024, 640))
    sheet = crowded(room, 7)
    area = sheet.findChildren(QScrollArea)[0]
    top = room.window.bar_d.mapTo(room.window, QPoint(0, 0)).y()
    assert 0 < sheet.geometry().top() < sheet.geometry().bottom() < top
    for name in ("sync-again", "save-works", "standing-work", "standing-seen"):
        button = room.button(name)
        assert sheet.rect().contains(button.geometry()), name
        assert button.geometry().top() > area.geometry().bottom(), name
    assert area.height() > 100
    before = area.verticalScrollBar().value()
    QTest.keyClick(sheet.now, Qt.Key.Key_PageDown)
    assert area.verticalScrollBar().value() > before
    room.window.close_sheet()
    assert not crowded(room, 0).findChildren(QScrollArea)[0].verticalScrollBar().maximum()


def test_the_sheet_opens_as_high_as_its_words(room: Room) -> None:
    room.desk.show_school(School(reached=True, synced_at=NOW))
    click(room, "sync-now")
    room.settle()
    sheet = sheet_of(room)
    opened_at = sheet.geometry()
    sheet.fit()
    assert sheet.geometry() == opened_at


def test_what_was_refused_is_headed_so_and_the_rest_is_through_only_if_it_is(room: Room) -> None:
    away = School(synced_at=NOW, waiting=1, refused=2, why="unreachable")
    room.desk.show_school(away)
    assert room.desk.school_words() == "The school did not accept 2 entries."
    click(room, "sync-now")
    told = shows(room, away, Standing(1, decided=(MOVED, TOO_LARGE)))
    assert told[-5] == "The school did not accept 2 entries."
    room.desk.show_school(School(reached=True, synced_at=NOW, refused=1))
    assert room.desk.school_words() == "The school did not accept 1 entry. The rest is through."


def test_what_the_exchange_has_sent_waits_no_more_before_the_store_is_read_anew(
    room: Room,
) -> None:
    waits = School(reached=True, synced_at=NOW, waiting=3)
    room.desk.show_school(waits)
    click(room, "sync-now")
    assert "Waiting: 3 collected works (48.0 MB)" in shows(room, waits, Standing(0, 3, 48_000_000))
    assert "Waiting: 2" in shows(room, replace(waits, waiting=2))
    assert "Nothing waits." in shows(room, replace(waits, waiting=0))


def test_it_closes_without_a_keyboard_by_its_word_or_where_it_was_opened(room: Room) -> None:
    for close in ("standing-close", "sync-now"):
        click(room, "sync-now")
        assert sheet_of(room).isVisible()
        click(room, close)
        assert not room.window.close_sheet(), close


def test_without_a_server_it_offers_no_exchange_and_nothing_waits_for_one(room: Room) -> None:
    room.desk.show_school(School(none=True, why="no-server"))
    room.desk.show_standing(Standing(14, 3, 48_000_000))
    click(room, "sync-now")
    room.settle()
    assert words(room) == ["The school", "No server: all stays here"]
    sheet = sheet_of(room)
    assert not sheet.now.isVisible()
    assert sheet.first.hasFocus()


def test_on_the_page_of_classes_it_opens_at_the_button_that_was_pressed(room: Room) -> None:
    room.desk.go("classes")
    room.desk.show_school(School(reached=True, synced_at=NOW))
    room.settle()
    button = room.button("sync-now")
    click(room, "sync-now")
    room.settle()
    at = button.mapTo(room.window, QPoint(0, button.height()))
    spot = sheet_of(room).spot()
    assert 0 < spot.top() - at.y() < button.height()
    assert spot.left() <= at.x() <= spot.right()


@pytest.mark.parametrize("width", [1024, 1300, 1920])
def test_what_the_bar_has_no_room_for_is_cut_at_its_end_and_whole_in_the_tip(
    opened: Opens, width: int
) -> None:
    room = opened("fr")
    room.desk.note_key_beside()
    room.desk.show_school(School(reached=True, synced_at=NOW, refused=2))
    room.begin(lively(), (width, 768))
    school = room.window.bar_d.school
    whole = room.desk.school_words()
    assert school.toolTip().startswith(whole)
    assert school.geometry().right() <= room.window.bar_d.width()
    shown = school.shown().strip()
    assert shown == whole or (shown.endswith("…") and whole.startswith(shown[:-1].rstrip()))
    assert (width == 1920) == (shown == whole)
