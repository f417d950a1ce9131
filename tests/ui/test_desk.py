"""What the bars say and what the buttons do, with the real window over acts that remember."""

from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QCoreApplication, QModelIndex, QPoint, QSize, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from classroom_app.domain.errors import StillRefused
from classroom_app.domain.tile import State, Wish
from classroom_app.presenters.journal import JournalRow, line
from classroom_app.presenters.receipts import Receipt, Said, School, clock_time
from classroom_app.presenters.words import day
from tests.ui.conftest import Opens
from tests.ui.room import (
    LESSON,
    NOW,
    Room,
    classroom,
    live,
    lively,
    locked,
    replace,
    roster,
    screen,
)

pytestmark = pytest.mark.real_loop
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
PLAIN = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.begin(lively())
    made.window.activateWindow()
    made.window.wall.setFocus()
    return made


def press(room: Room, key: Qt.Key, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
    QTest.keyClick(room.window.focusWidget() or room.window, key, modifiers)


def click(room: Room, name: str) -> None:
    QTest.mouseClick(room.button(name), Qt.MouseButton.LeftButton)


def test_ctrl_l_locks_all_and_bar_b_counts_receipts_only(room: Room) -> None:
    press(room, Qt.Key.Key_L, CTRL)
    assert [(what, len(names)) for what, names, _ in room.acts.asked] == [("lock", 28)]
    room.wall.show(locked())
    assert room.desk.said().text == "25 of 28 locked"
    assert room.desk.said().undo


def test_a_device_that_is_two_may_be_locked_so_free_is_offered_as_the_next_act(room: Room) -> None:
    room.wall.show(classroom(1, State.TWIN))
    assert room.desk.frees_somebody()
    assert not room.desk.locks_next()


def test_the_scope_is_on_the_button_and_drops_after_the_act(room: Room) -> None:
    assert room.desk.scope_words() == "all 28"
    room.wall.select({"p17"})
    assert room.desk.scope_words() == "Lina only"
    room.wall.select({"p17", "p22"})
    assert room.desk.scope_words() == "Lina, Noah"
    room.wall.select({"p1", "p2", "p3", "p4", "p5"})
    assert room.desk.scope_words() == "5 pupils"
    room.wall.select({"p17", "p22"})
    click(room, "free")
    assert room.acts.asked == [("free", ("Lina", "Noah"), "")]
    assert room.desk.scope_words() == "all 28"


def test_escape_clears_filter_then_selection_then_leaves_focus_and_frees_nobody(
    room: Room,
) -> None:
    room.wall.select({"p17", "p27"})
    room.desk.open("p17")
    press(room, Qt.Key.Key_Escape)
    assert (room.desk.page, room.wall.selected) == ("wall", {"p17", "p27"})
    room.wall.set_filter("a")
    press(room, Qt.Key.Key_Escape)
    assert (room.wall.filter, room.wall.selected) == ("", {"p17", "p27"})
    press(room, Qt.Key.Key_Escape)
    assert not room.wall.selected
    press(room, Qt.Key.Key_Escape)
    assert room.acts.asked == []


def test_the_attention_key_locks_then_frees_and_is_deaf_for_700_ms(room: Room) -> None:
    press(room, Qt.Key.Key_Period)
    room.now += 0.6
    press(room, Qt.Key.Key_Period)
    assert [what for what, _, _ in room.acts.asked] == ["lock"]
    room.wall.show(locked())
    room.now += 0.7
    press(room, Qt.Key.Key_Period)
    assert [what for what, _, _ in room.acts.asked] == ["lock", "free"]


def test_the_attention_key_is_a_full_stop_while_typing(room: Room) -> None:
    press(room, Qt.Key.Key_F, CTRL)
    QTest.keyClicks(room.window.focusWidget(), "a.")
    assert room.window.bar_d.finder.text() == "a."
    assert room.acts.asked == []


def test_letters_on_the_wall_find_a_pupil_without_accents(room: Room) -> None:
    press(room, Qt.Key.Key_A)
    QTest.keyClicks(room.window.bar_d.finder, "i")
    names = [room.wall.index(row).data() for row in range(room.wall.rowCount())]
    assert names == ["Aïcha"]
    press(room, Qt.Key.Key_Return)
    press(room, Qt.Key.Key_Return)
    assert (room.desk.page, room.desk.focused) == ("focus", "p1")


def test_f6_walks_through_who_needs_the_teacher(room: Room) -> None:
    went: list[str] = []
    room.desk.revealed.connect(went.append)
    for _ in range(5):
        press(room, Qt.Key.Key_F6)
    press(room, Qt.Key.Key_F6, SHIFT)
    assert went == ["p17", "p22", "p27", "p26", "p17", "p26"]


def test_space_ticks_and_ctrl_i_turns_the_choice_round(room: Room) -> None:
    room.window.wall.reveal("p0")
    press(room, Qt.Key.Key_Space)
    assert room.wall.selected == {"p0"}
    press(room, Qt.Key.Key_I, CTRL)
    assert len(room.wall.selected) == 27
    assert "p0" not in room.wall.selected


def test_a_message_waits_three_seconds_in_which_undo_stops_it(room: Room, qtbot: QtBot) -> None:
    assert room.desk.holding.interval() == 3000
    room.desk.holding.setInterval(60_000)  # however late the undo comes here
    click(room, "message")
    QTest.keyClicks(room.window.focusWidget(), "Sit down")
    press(room, Qt.Key.Key_Return)
    room.settle()
    assert room.desk.holding.isActive()
    click(room, "undo")
    assert not room.desk.holding.isActive()
    assert room.acts.asked == []
    room.desk.holding.setInterval(1)
    room.desk.message("Stand up")
    qtbot.waitUntil(lambda: bool(room.acts.asked))
    assert room.acts.asked[0][0::2] == ("message", "Stand up")


def test_a_message_is_sent_by_its_button(room: Room) -> None:
    click(room, "message")
    field = room.window.focusWidget()
    assert field.objectName() == "message-text"
    QTest.keyClicks(field, "Hello")
    click(room, "message-send")
    room.desk.send_message()
    assert room.acts.asked[0][0::2] == ("message", "Hello")


def test_files_are_handed_out_from_the_sheet(room: Room, tmp_path: object) -> None:
    del tmp_path
    room.window.open_sheet("hand-out")
    assert not room.button("hand-out-now").isEnabled()
    press(room, Qt.Key.Key_Escape)
    assert room.desk.lesson is not None
    assert room.acts.asked == []


def test_collect_asks_in_its_sheet_and_enter_is_the_safe_choice(room: Room) -> None:
    press(room, Qt.Key.Key_R, CTRL)
    press(room, Qt.Key.Key_Return)
    assert [what for what, _, _ in room.acts.asked] == ["collect"]


def test_end_ends_at_once_unless_work_is_out(room: Room) -> None:
    click(room, "end")
    assert [what for what, _, _ in room.acts.asked] == ["end"]
    room.unfinished = 3
    click(room, "end")
    assert [what for what, _, _ in room.acts.asked] == ["end"]
    press(room, Qt.Key.Key_Return)
    assert [what for what, _, _ in room.acts.asked] == ["end", "collect-then-end"]


def test_undo_is_offered_for_thirty_seconds(room: Room) -> None:
    click(room, "lock")
    room.now += 29
    assert room.desk.said().undo
    room.now += 2
    room.desk.undo()
    assert [what for what, _, _ in room.acts.asked] == ["lock"]


def test_a_refusal_becomes_a_sentence(room: Room) -> None:
    room.acts.refuses = PermissionError("plan.pdf")
    click(room, "lock")
    assert room.desk.said().text == "A device may not be read. Choose another file."


def test_receipts_name_who_misses(room: Room) -> None:
    room.desk.hand_out([Path("plan.pdf")])
    plan = Receipt("hand-out", "plan.pdf", 27, 28, missing=("Tom",))
    room.desk.told(plan)
    said = room.desk.said()
    assert (said.text, said.second) == (
        "plan.pdf: arrived at 27 of 28",
        "Later, on return: Tom",
    )
    room.desk.collect()
    room.desk.told(
        Receipt("collect", "", 26, 28, ("Tom",), failed=("Ada: 1 file left",), empty=("Bo",))
    )
    assert room.desk.said().second == "Ada: 1 file left · Missing: Tom · Nothing handed in: Bo"


def test_what_was_done_since_is_not_covered_by_an_older_receipt(room: Room) -> None:
    room.desk.hand_out([Path("plan.pdf")])
    click(room, "lock")
    room.wall.show(locked())
    room.desk.told(Receipt("hand-out", "plan.pdf", 28, 28))
    said = room.desk.said()
    assert said.text == "25 of 28 locked"
    assert said.undo


def test_a_lock_is_counted_by_its_receipt_whatever_else_the_tile_shows(room: Room) -> None:
    click(room, "lock")
    tiles = locked()
    replace(tiles, "Adam", State.CLOCK, reason="3600", held=True)
    room.wall.show(tiles)
    assert room.desk.said().text == "25 of 28 locked"


def test_the_school_is_told_in_grey_words(room: Room) -> None:
    room.desk.show_school(School(reached=False, synced_at=NOW, waiting=14))
    assert room.desk.school_words() == "School: later, 14 waiting"
    room.desk.show_school(School(reached=False, synced_at=NOW))
    assert room.desk.school_words() == "School: later, nothing waits"
    room.desk.show_school(School(reached=False, synced_at=NOW, waiting=2, why="not-tried"))
    assert room.desk.school_words() == "School: later, 2 waiting", "it is not known yet"
    room.desk.show_school(School(reached=True, waiting=2, held="metered"))
    assert room.desk.school_words() == "School: 2 to send", "it is there, and not all has gone"
    room.desk.show_school(School(reached=True, synced_at=NOW, refused=1))
    assert room.desk.school_words().startswith("The school did not accept 1 entry.")


def test_an_exchange_of_another_day_is_told_with_its_day(room: Room) -> None:
    today = room.desk.today()
    before = today - 3 * 86_400
    room.desk.show_school(School(reached=True, synced_at=today))
    assert room.desk.school_words() == f"School: up to date {clock_time(today)}"
    when = f"{day(int(before))}, {clock_time(before)}"
    room.desk.show_school(School(reached=True, synced_at=before))
    assert room.desk.school_words() == f"School: up to date {when}"
    room.desk.show_school(School(reached=True, synced_at=before, restored=True))
    assert room.desk.school_words().endswith(f"has all again, {when}")


def test_chips_are_people_first_then_failures_then_the_gone(room: Room) -> None:
    tiles = lively()
    replace(tiles, "Emma", State.NOT_COVERED, since=NOW - 300)
    room.wall.show(tiles)
    told = [(chip.name, chip.kind) for chip in room.desk.chips()]
    assert told == [
        ("Lina", "ask"),
        ("Noah", "ask"),
        ("Yara", "ask"),
        ("Emma", "fail"),
        ("Tom", "gone"),
    ]


def test_who_went_long_ago_claims_no_attention(room: Room) -> None:
    room.now += 200
    assert "Tom" not in [chip.name for chip in room.desk.chips()]


def test_a_selected_pupil_that_is_filtered_out_is_no_longer_chosen(room: Room) -> None:
    room.wall.select({"p17"})
    room.wall.set_filter("adam")
    assert not room.wall.selected


def test_a_screen_reader_hears_name_seat_wish_and_state(room: Room) -> None:
    index = room.wall.index(room.wall.row("p17"))
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == (
        "Lina, seat 18. Hand up, number 1, 2 min."
    )


def test_focus_tells_whom_it_watches_and_stops_when_left(room: Room) -> None:
    room.desk.open("p17")
    press(room, Qt.Key.Key_Right)
    press(room, Qt.Key.Key_Escape)
    looked_at = [[look.device for look in looks] for looks in room.closely]
    assert looked_at == [["d17"], ["d18"], []]


def test_a_close_picture_that_does_not_come_is_missed_in_words(room: Room, qtbot: QtBot) -> None:
    room.focus.coming.setInterval(1)
    room.desk.open("p0")
    qtbot.waitUntil(
        lambda: room.focus.age() == "live, but small · the close picture has not come yet"
    )
    assert room.focus.state(room.focus.pane) == "live, but small"
    room.focus.picture(room.wall.tiles()[0].device, screen(1, QSize(640, 360)))
    assert room.focus.age() == "live · Adam sees that you are looking"


def test_a_picture_is_kept_by_a_click_or_a_key_and_only_of_a_close_live_screen(room: Room) -> None:
    room.desk.open("p0")
    press(room, Qt.Key.Key_S, CTRL)
    assert not room.acts.asked, "no close picture yet"
    room.focus.picture(room.wall.tiles()[0].device, screen(1, QSize(640, 360)))
    click(room, "keep-picture")
    press(room, Qt.Key.Key_S, CTRL)
    assert room.acts.asked == [("keep-picture", ("Adam",), "")] * 2
    assert room.desk.said().text == "Telling the pupil…"
    room.desk.told(Receipt("still", "Adam", 1, 1))
    assert room.desk.said() == Said(
        "A picture of Adam's screen is kept", "The screen there says so."
    )
    told = room.window.bar_b
    room.settle()
    assert (told.text.text(), told.second.text()) == (
        "Adam",
        "A picture of Adam's screen is kept · The screen there says so.",
    )
    room.acts.refuses = StillRefused("too-soon")
    press(room, Qt.Key.Key_S, CTRL)
    assert room.desk.said().text == "No picture was kept: one picture in ten seconds."
    room.settle()
    assert told.second.text() == room.desk.said().text
    room.focus.look_ended(room.wall.tiles()[0].device)
    assert not room.window.focus.keep.isVisible()


def test_the_card_of_a_raised_hand_is_as_high_as_its_words_in_a_large_window(
    opened: Opens,
) -> None:
    room, tiles = opened(), lively()
    asked = Wish("hand", NOW - 120, 1, "Where do I find the rain for November?")
    replace(tiles, "Lina", State.LIVE, wish=asked)
    room.begin(tiles, (1920, 1080))
    room.desk.open("p17")
    room.settle()
    card = room.window.focus.hand
    assert card.isVisible()
    assert card.height() == card.sizeHint().height()


def sheet_words(room: Room) -> str:
    sheet = room.window.sheets.open_sheet
    assert sheet is not None
    return "\n".join(label.text() for label in sheet.findChildren(QLabel))


def test_pictures_of_all_are_asked_for_with_how_many_and_whose_not_and_can_be_stopped(
    room: Room,
) -> None:
    press(room, Qt.Key.Key_S, CTRL | SHIFT)
    assert "Keeps one picture of 24 screens" in sheet_words(room)
    assert "Hugo: kept private by the pupil\nKenji, Tom: out of reach" in sheet_words(room)
    click(room, "pictures-not")
    assert not room.acts.asked, "asked first"
    press(room, Qt.Key.Key_S, CTRL | SHIFT)
    click(room, "pictures-now")
    assert [(what, len(names)) for what, names, _ in room.acts.asked] == [("keep-pictures", 28)]
    room.desk.told(Receipt("stills", "", 7, 28, failed=("Hugo: private",), ended=8))
    assert room.desk.said() == Said("Keeping pictures: 7 of 28…", "Hugo: private", stop=True)
    press(room, Qt.Key.Key_L, CTRL)
    press(room, Qt.Key.Key_S, CTRL | SHIFT)
    assert "Keeping pictures: 7 of 28…" in sheet_words(room), "whatever was done meanwhile"
    click(room, "pictures-stop")
    assert [what for what, _, _ in room.acts.asked] == ["keep-pictures", "lock", "stop-pictures"]
    room.desk.told(Receipt("stills", "", 7, 28, ended=28))
    assert room.desk.taking is None


def test_pictures_of_the_chosen_only(room: Room) -> None:
    room.wall.select(["p0", "p1"])
    press(room, Qt.Key.Key_S, CTRL | SHIFT)
    assert "Keeps one picture of 2 screens" in sheet_words(room)
    click(room, "pictures-now")
    assert room.acts.asked == [("keep-pictures", ("Adam", "Aïcha"), "")]
    room.desk.told(Receipt("stills", "", 2, 2, ended=2))
    assert room.desk.said().text == "Pictures of 2 of 2 screens are kept"


def test_a_hundred_devices_leaving_at_once_is_one_word(room: Room, qtbot: QtBot) -> None:
    room.wall.show(classroom(100))
    room.settle()
    told: list[int] = []

    def count(first: QModelIndex, last: QModelIndex) -> None:
        told.append(last.row() - first.row() + 1)

    room.wall.dataChanged.connect(count)
    for at in range(100):
        tiles = [
            live(n, tile.name, State.GONE if n <= at else State.LIVE, since=NOW)
            for n, tile in enumerate(classroom(100))
        ]
        room.wall.show(tiles)
    qtbot.waitUntil(lambda: sum(told) >= 100)
    assert told == [100]
    assert room.desk.said().text == "0 of 100 pupils here"


def test_signing_in_passes_what_was_typed_and_asks_for_what_misses(opened: Opens) -> None:
    room = opened()
    room.window.show()
    click(room, "sign-in")
    for name, text in (("school", "e1"), ("login", "claire"), ("password", "pw")):
        QTest.keyClicks(room.window.first_run.fields[name], text)
    click(room, "sign-in")
    assert room.acts.asked == [("sign-in", (), "https://ecole/e1/claire/pw")]


def test_a_school_with_an_account_offers_it_and_asks_for_no_password(
    opened: Opens, qtbot: QtBot
) -> None:
    room = opened()
    room.acts.account = "The region's account"
    room.window.show()
    form = room.window.first_run
    assert not form.account.isVisible(), "nobody has said which school"
    QTest.keyClicks(form.fields["school"], "e1")
    form.fields["school"].editingFinished.emit()
    qtbot.waitUntil(form.account.isVisible)
    assert form.account.toolTip() == "The region's account"
    click(room, "account")
    qtbot.waitUntil(lambda: bool(room.acts.asked))
    assert room.acts.asked == [("sign-in-by-account", (), "https://ecole/e1")]


def test_a_missing_keyring_is_a_quiet_word_of_which_a_click_tells_more(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(4))
    assert not room.window.bar_d.note.isVisible()
    room.desk.note_key_beside()
    room.settle()
    note = room.button("note")
    assert note.text().strip() == note.accessibleName() == "No keyring here"
    assert room.window.bar_d.sizes.isVisible(), "it takes nobody's place"
    note.setFocus()
    QTest.keyClick(note, Qt.Key.Key_Space)
    told = [label.text() for label in room.window.findChildren(QLabel) if label.isVisible()]
    assert room.desk.note_more() in told
    press(room, Qt.Key.Key_Escape)


def test_what_is_wrong_stands_beneath_its_field_and_the_keys_go_there(opened: Opens) -> None:
    room = opened()
    room.window.show()
    page = room.window.first_run
    click(room, "sign-in")
    assert room.window.focusWidget() is page.fields["school"], "the first that is empty"
    for name in ("school", "login", "password"):
        page.fields[name].setText("x")
    room.acts.refuses = TimeoutError()
    click(room, "sign-in")
    field, beneath = page.fields["server"], page.beneath.lines["server"]
    assert room.window.focusWidget() is field
    assert field.selectedText() == "https://ecole"
    assert beneath.text() == "No answer in time. Try again in a moment."
    assert field.accessibleName() == f"School server. {beneath.text()}"
    below = beneath.mapTo(page, beneath.rect().topLeft()).y()
    assert 0 < below - field.mapTo(page, field.rect().bottomLeft()).y() < 20
    assert not page.beneath.lines["school"].isVisible()
    room.acts.refuses = None
    click(room, "sign-in")
    assert not beneath.isVisible()
    assert field.accessibleName() == "School server"


def test_who_has_the_class_until_when_is_said(opened: Opens) -> None:
    tiles = classroom(4)
    room = opened()
    room.begin(tiles)
    for name in ("Adam", "Aïcha", "Anouk"):
        replace(tiles, name, State.OTHER_LESSON, reason="Claire", until=NOW + 600)
    room.wall.show(tiles)
    ends = datetime.fromtimestamp(NOW + 600).astimezone().strftime("%H:%M")
    said = room.desk.said()
    assert said.text == f"Claire has this class until {ends} and has not shared it."
    assert said.second == "Ask, or wait."
    for name in ("Adam", "Aïcha"):
        replace(tiles, name, State.LIVE)
    room.wall.show(tiles)
    assert room.desk.said().text == "3 of 4 pupils here"


def test_a_plain_lock_says_what_the_last_one_said(room: Room) -> None:
    chosen: list[str] = []
    room.desk.sentence_chosen.connect(chosen.append)
    room.button("lock").setFocus()
    press(room, Qt.Key.Key_Down)
    field = room.window.focusWidget()
    assert field.objectName() == "lock-sentence"
    QTest.keyClicks(field, "Page 12, please.")
    press(room, Qt.Key.Key_Return)
    press(room, Qt.Key.Key_L, CTRL)
    room.settle()
    assert [(what, more) for what, _, more in room.acts.asked] == [
        ("lock", "Page 12, please."),
        ("lock", "Page 12, please."),
    ]
    assert chosen == ["Page 12, please."]
    assert "Page 12, please." in room.button("lock").toolTip()
    room.desk.choose_sentence("Another one")  # is not what they read now
    assert room.desk.said().second.endswith(" at most · “Page 12, please.”")


def test_a_long_press_or_a_right_click_opens_the_sentence_and_locks_nobody(
    room: Room, qtbot: QtBot
) -> None:
    lock = room.button("lock")
    QTest.mousePress(lock, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: room.window.focusWidget().objectName() == "lock-sentence")
    QTest.mouseRelease(lock, Qt.MouseButton.LeftButton)
    press(room, Qt.Key.Key_Escape)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(5, 5), QPoint(5, 5))
    QApplication.sendEvent(lock, event)
    assert room.window.focusWidget().objectName() == "lock-sentence"
    assert room.acts.asked == []


def test_a_ready_sentence_is_kept_without_locking_and_can_be_cleared(room: Room) -> None:
    room.window.open_sheet("lock")
    click(room, "ready-sentence")
    click(room, "lock-keep")
    assert room.desk.sentence == "Eyes on me, please"
    assert room.acts.asked == []
    room.window.open_sheet("lock")
    press(room, Qt.Key.Key_Delete)  # all of it is selected
    click(room, "lock-now")
    room.settle()
    assert room.acts.asked[0][0::2] == ("lock", "")
    assert "“" not in room.button("lock").toolTip()


def test_a_sentence_ends_where_the_protocol_does(room: Room) -> None:
    room.window.open_sheet("lock")
    QTest.keyClicks(room.window.focusWidget(), "a" * 250)
    click(room, "lock-now")
    assert room.acts.asked[0][2] == "a" * 200


def test_the_lessons_end_moves_from_the_time_left(room: Room) -> None:
    room.button("time-left").setFocus()
    press(room, Qt.Key.Key_Space)
    ends = datetime.fromtimestamp(LESSON.ends_at + 300).astimezone().strftime("%H:%M")
    assert room.button("extend-5").text() == f"5 min more: until {ends}"
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked == [("extend", (), "300")]
    room.desk.moved(msgspec.structs.replace(LESSON, ends_at=LESSON.ends_at + 300))
    assert room.desk.said().text == f"The lesson ends at {ends}"
    assert room.desk.time_left() == "37 min left"


def test_a_clock_that_was_set_is_followed_without_a_word(room: Room) -> None:
    room.desk.moved(msgspec.structs.replace(LESSON, shared=True))
    left, years = room.desk.time_left(), 6 * 365 * 86_400
    room.now += years
    moved = msgspec.structs.replace(LESSON, ends_at=LESSON.ends_at + years, clock_set=years)
    room.desk.clock_set(moved)
    assert room.desk.time_left() == left
    assert "ends" not in room.desk.said().text
    assert room.desk.lesson == msgspec.structs.replace(moved, shared=True)


def test_a_class_is_shared_where_its_time_stands_and_the_window_says_with_whom(room: Room) -> None:
    click(room, "time-left")
    assert room.button("share").text() == "Share the class"
    click(room, "share")
    assert room.acts.asked == [("share", (), "True")]
    room.desk.moved(msgspec.structs.replace(LESSON, shared=True))
    assert room.desk.said().text == "Another teacher of the class may join now"
    room.desk.accompanied(("Omar\u202e",))
    assert room.desk.note() == "Omar teaches beside you"
    assert room.desk.note_more().startswith("You both see the screens")
    click(room, "time-left")
    assert room.button("share").text() == "No longer share the class"
    click(room, "share")
    assert room.acts.asked[-1] == ("share", (), "False")


def test_where_four_hours_are_reached_a_sentence_says_so(room: Room) -> None:
    room.desk.moved(msgspec.structs.replace(LESSON, ends_at=LESSON.started_at + 4 * 3600))
    room.window.open_sheet("length")
    told = [label.text() for label in room.window.findChildren(QLabel) if label.isVisible()]
    assert "A lesson lasts four hours at most. End it and start the next." in told
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked == []


def test_a_lesson_is_as_long_as_was_chosen_at_its_start(opened: Opens) -> None:
    room = opened()
    room.classes.show([roster()])
    room.window.show()
    room.desk.go("classes")
    QCoreApplication.sendPostedEvents()
    chosen: list[int] = []
    room.classes.length_chosen.connect(chosen.append)
    click(room, "start-c1")
    ninety = next(a for a in room.window.classes.lengths.actions() if a.text() == "90 min")
    ninety.trigger()
    assert room.button("lesson-length").text() == " Lesson: 90 min"
    click(room, "start-c1")
    asked = [("start-lesson", (), "c1 3300"), ("start-lesson", (), "c1 5400")]
    assert room.acts.asked == asked
    assert chosen == [90]


def test_an_end_is_taken_back_for_a_minute_by_button_or_ctrl_z(room: Room) -> None:
    room.desk.ended("Lesson over.")
    room.settle()
    click(room, "go-on-after-end")
    assert room.acts.asked == [("go-on", (), "")]
    room.desk.begin(LESSON)
    room.desk.ended("Lesson over.")
    press(room, Qt.Key.Key_Z, CTRL)
    assert [what for what, _, _ in room.acts.asked] == ["go-on", "go-on"]
    room.desk.begin(LESSON)
    room.desk.ended("Lesson over.")
    room.now += 60
    press(room, Qt.Key.Key_Z, CTRL)
    room.desk.touch()
    room.window.classes.refresh()
    assert not room.window.classes.go_on.isVisible()
    assert len(room.acts.asked) == 2


def test_why_an_end_cannot_be_taken_back_stands_above_the_classes(room: Room) -> None:
    room.desk.ended("Lesson over.")
    room.acts.refuses = TimeoutError()
    press(room, Qt.Key.Key_Z, CTRL)
    room.window.classes.refresh()
    assert room.window.classes.summary.text() == "No answer in time. Try again in a moment."
    room.acts.refuses = None
    click(room, "go-on-after-end")
    assert room.acts.asked == [("go-on", (), "")]


@pytest.mark.parametrize(
    ("done", "asked", "had", "text"),
    [
        (21, 28, 7, "plan.pdf: withdrawn from 21, 7 had opened it"),
        (0, 28, 28, "plan.pdf: all 28 had opened it"),
        (0, 1, 1, "plan.pdf: 1 of 1 had opened it"),
        (27, 28, 0, "plan.pdf: withdrawn from 27 of 28"),
        (0, 0, 0, "plan.pdf: withdrawn, nobody had it"),
    ],
)
def test_a_hand_out_taken_back_is_told_by_receipts(
    room: Room, done: int, asked: int, had: int, text: str
) -> None:
    room.desk.hand_out([Path("plan.pdf")])
    room.desk.told(Receipt("hand-out", "plan.pdf", 28, 28))
    press(room, Qt.Key.Key_Z, CTRL)
    assert room.acts.asked[-1][0] == "undo"
    assert room.desk.said() == Said("Withdrawing…")
    room.desk.told(Receipt("hand-out", "plan.pdf", 28, 28))  # late, and no news any more
    assert room.desk.said() == Said("Withdrawing…")
    room.desk.told(Receipt("withdrawn", "plan.pdf", done, asked, ("Tom",), opened=had))
    assert room.desk.said() == Said(text, "Later, on return: Tom")


def test_the_journal_takes_the_keys_and_what_is_new_moves_no_reader_away(room: Room) -> None:
    room.begin(classroom(4))
    rows = [JournalRow(str(at), NOW + at, "hand-up", "Adam") for at in range(80)]
    room.journal.show(rows)
    room.desk.go("journal")
    shown = room.window.journal.rows
    assert room.window.focusWidget() is shown
    QTest.keyClick(shown, Qt.Key.Key_End)
    read, at = shown.currentIndex(), shown.verticalScrollBar().value()
    oldest = read.data()
    assert at
    room.journal.add([JournalRow("80", NOW + 99, "gone", "Adam")])
    assert shown.currentIndex().data() == oldest
    assert shown.verticalScrollBar().value() >= at
    assert room.journal.index(0).data().endswith("Went · Adam")
    room.journal.show(rows[:3])
    assert room.journal.rowCount() == 3


def test_the_journal_tells_until_when_a_lesson_was_prolonged(room: Room) -> None:
    del room  # speaks English
    ends = datetime.fromtimestamp(LESSON.ends_at).astimezone().strftime("%H:%M")
    moved = JournalRow("1", NOW, "lesson-extended", what=str(LESSON.ends_at))
    assert line(moved) == f"End of the lesson moved · until {ends}"
    went_on = JournalRow("2", NOW, "lesson-resumed", what=str(LESSON.ends_at))
    assert line(went_on) == f"Lesson went on after its end · until {ends}"
