"""The connection check speaks of whatever the doctor finds, in words a teacher can use."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from classroom_app.cloud.errors import (
    CodeAsked,
    NoFactor,
    NotAServer,
    NotSignedIn,
    Refused,
    ServerBusy,
    Unreachable,
    WrongCode,
    WrongPassword,
)
from classroom_app.domain.tile import State
from classroom_app.presenters import check
from classroom_app.presenters.check import row, rows
from classroom_app.presenters.first_run import Missed
from classroom_app.presenters.not_signed_in import not_signed_in
from classroom_app.presenters.receipts import School
from classroom_app.presenters.standing import trouble_words
from classroom_app.presenters.words import LANGUAGES
from device_bridge.discovery.doctor import Check
from tests.ui.conftest import Opens
from tests.ui.room import CHECKS, NOW, Room, classroom, replace, roster
from tests.ui.test_desk import click, press

pytestmark = pytest.mark.real_loop
KEYS = [
    "addresses",
    "multicast",
    "own-announcement",
    "firewall",
    "other-machines",
    "device-network",
    "class",
    "clock",
]
CAUSES = ["none", "elsewhere", "isolation", "agent-not-running", "away", "unmet", "refused"]


@pytest.mark.parametrize("state", ["ok", "failed", "unknown", "not-needed"])
@pytest.mark.parametrize("key", KEYS)
def test_every_finding_of_the_doctor_has_words(qtbot: QtBot, key: str, state: str) -> None:
    del qtbot
    told = row(check.Check(key, state, {"cause": "offline"}))
    assert told.title
    assert told.title != key
    assert told.second


@pytest.mark.parametrize("language", ["en", "fr", "de"])
@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_of_a_missing_class_has_something_to_do(
    opened: Opens, cause: str, language: str
) -> None:
    opened(language)
    facts = {"cause": cause, "names": "Tom", "here": 3, "all": 28, "why": "not-paired"}
    told = row(check.Check("class", "failed", facts))
    assert told.title
    assert told.to_copy or told.to_read
    assert "{" not in told.title + told.second


def told_of(*checks: check.Check | Check) -> list[tuple[str, str]]:
    return [(one.state, one.title) for one in rows(checks)]


def test_isolation_is_told_apart_from_nobody_there(qtbot: QtBot) -> None:
    del qtbot
    told = rows(CHECKS)[-2]
    assert told.title == "The Wi-Fi probably keeps devices apart."
    assert told.to_copy


def test_only_the_first_failing_row_is_opened_and_school_is_never_an_alarm(opened: Opens) -> None:
    room = opened()
    room.first.show(
        [
            Check("multicast", "failed"),
            Check("own-announcement", "failed"),
            Check("other-machines", "failed"),
            check.Check("school", "failed"),
            Check("listening", "failed"),
        ]
    )
    shown = room.first.rows()
    assert [one.state for one in shown] == ["failed", "failed", "not-needed"]
    assert [bool(one.to_copy) for one in shown] == [True, False, False]


def test_a_subject_is_one_row_and_a_right_clock_is_none(qtbot: QtBot) -> None:
    del qtbot
    well = [Check(key, "ok") for key in ("multicast", "own-announcement", "firewall", "clock")]  # pyright: ignore[reportArgumentType]
    assert told_of(*well) == [("ok", "The firewall lets Pupitre listen.")]
    assert told_of(Check("clock", "failed"))[0][0] == "failed"


def test_what_could_not_be_known_is_left_out_and_a_class_not_open_is_not_needed(
    qtbot: QtBot,
) -> None:
    del qtbot
    found = [
        Check("firewall", "unknown"),
        check.Check("class", "not-needed", {"cause": "no-class"}),
    ]
    assert told_of(*found) == [("not-needed", "No class is open yet.")]


def test_the_sentence_is_copied_and_the_address_field_is_one_click_away(opened: Opens) -> None:
    room = opened()
    room.first.show([check.Check("class", "failed", {"cause": "none", "here": 0, "all": 28})])
    assert not room.first.rows()[0].by_address  # nobody is signed in: there is no class to look for
    room.first.came_in()
    room.window.show()
    click(room, "copy-sentence")
    copied: Any = QGuiApplication.clipboard().text()
    assert copied == "Please see that the Pupitre agent starts with the pupils' devices."
    assert room.button("copy-sentence").text().strip() == "Copied"
    click(room, "by-address")
    assert room.window.focusWidget() is room.window.first_run.address


def test_the_check_of_one_pupil_is_reached_from_the_gone_tile(opened: Opens) -> None:
    room = opened()
    tiles = classroom(4)
    replace(tiles, "Bilal", State.GONE, since=NOW - 60)
    room.begin(tiles)
    room.first.came_in()
    room.desk.open("p3")
    click(room, "why-gone")
    assert (room.desk.page, room.desk.about) == ("check", "p3")
    room.first.show([], Missed("5e B", 28, 27, "Bilal"))
    assert room.first.title() == "Bilal is not here"
    assert room.first.class_words() == "5e B · 28 pupils in the list"


def test_bar_b_asks_why_of_the_one_who_is_missing_or_of_the_class(opened: Opens) -> None:
    room = opened()
    tiles = classroom(4)
    replace(tiles, "Bilal", State.GONE, since=NOW - 60)
    room.begin(tiles)
    click(room, "why-missing")
    assert (room.desk.page, room.desk.about) == ("check", "p3")
    room.desk.go_home()
    room.wall.show(classroom(4, State.NOT_HERE))
    room.settle()
    assert room.desk.said().text == "No pupils yet. The class appears by itself."
    click(room, "why-missing")
    assert (room.desk.page, room.desk.about) == ("check", "")


def test_an_address_is_told_as_one_reads_it_out(qtbot: QtBot) -> None:
    del qtbot
    both = {"addresses": ("eth0 192.0.2.2/24", "eth0 fd00::2/64"), "interfaces": ("eth0",)}
    assert row(Check("addresses", "ok", both)).second == "eth0, address 192.0.2.2."
    only = {"addresses": ("eth0 fd00::2/64",), "interfaces": ("eth0",)}
    assert row(Check("addresses", "ok", only)).second == "eth0, address fd00::2."


def test_f5_looks_again_and_stays_with_the_pupil_asked_about(opened: Opens) -> None:
    room = opened()
    tiles = classroom(4)
    replace(tiles, "Bilal", State.GONE, since=NOW - 60)
    room.begin(tiles)
    room.window.activateWindow()
    assert QTest.qWaitForWindowActive(room.window)
    room.desk.check("p3")
    press(room, Qt.Key.Key_F5)
    assert (room.desk.about, room.checked) == ("p3", 1)
    room.desk.go_home()
    press(room, Qt.Key.Key_F5)
    assert (room.desk.page, room.desk.about, room.desk.check_stays) == ("check", "", True)
    press(room, Qt.Key.Key_F5)
    assert (room.desk.page, room.checked) == ("check", 2)
    press(room, Qt.Key.Key_Escape)
    assert room.desk.page == "wall"


def test_esc_goes_back_to_where_the_check_was_opened_also_from_the_field(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(4))
    room.first.came_in()
    room.window.activateWindow()
    assert QTest.qWaitForWindowActive(room.window)
    room.desk.open("p3")
    press(room, Qt.Key.Key_F5)
    room.window.first_run.address.setFocus()
    QTest.keyClicks(room.window.first_run.address, "10.0")
    press(room, Qt.Key.Key_F5)
    assert (room.desk.page, room.checked) == ("check", 1)
    press(room, Qt.Key.Key_Escape)
    assert (room.desk.page, room.desk.focused) == ("focus", "p3")
    press(room, Qt.Key.Key_Escape)
    assert room.desk.page == "wall"


def test_an_address_that_is_none_is_told_with_the_words_typed(opened: Opens) -> None:
    room = opened()
    room.acts.refuses = ValueError("host")
    room.first.dial("10.0.0.x")
    assert (room.first.told.about, room.first.told.wrong) == ("address", True)
    room.acts.refuses = None
    room.first.dial(" 10.0.0.4:7000 ")
    assert room.acts.asked == [("dial", (), "10.0.0.4:7000")]
    assert room.first.told.words == "Found at 10.0.0.4:7000. It is remembered."


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_a_low_window_no_word_of_the_form_is_cut(opened: Opens, language: str) -> None:
    room = opened(language)
    room.window.resize(1024, 640)
    room.window.show()
    page = room.window.first_run
    for name in ("school", "login", "password"):
        page.fields[name].setText("tilleuls")
    room.acts.refuses = CodeAsked("second-factor")
    click(room, "sign-in")
    room.first.account = "Compte de l'académie"
    page.fields["code"].setText("123456")
    room.acts.refuses = Unreachable()
    click(room, "sign-in")
    room.settle()
    line = page.beneath.lines["server"]
    assert line.isVisible()
    assert line.height() >= line.heightForWidth(line.width())
    for field in page.fields.values():
        assert field.height() >= field.minimumHeight()
    title, again = page.card.title, page.card.again
    assert title.width() >= title.sizeHint().width()
    assert title.geometry().right() + 8 < again.geometry().left()


def test_the_keys_are_at_the_first_field_that_is_lacking(opened: Opens) -> None:
    room = opened()
    room.window.show()
    room.window.activateWindow()
    assert QTest.qWaitForWindowActive(room.window)
    assert room.window.focusWidget() is room.window.first_run.fields["school"]


def typed_in(room: Room, *texts: tuple[str, str]) -> None:
    for name, text in texts:
        room.window.first_run.fields[name].clear()
        QTest.keyClicks(room.window.first_run.fields[name], text)


def test_who_administrates_is_asked_for_a_code_and_nobody_else_is(opened: Opens) -> None:
    room = opened()
    room.window.show()
    fields = room.window.first_run.fields
    assert not fields["code"].isVisible()
    known = ("server", "https://ecole"), ("school", "e1"), ("login", "claire")
    typed_in(room, *known, ("password", "pw"))
    room.acts.refuses = CodeAsked("second-factor")
    click(room, "sign-in")
    assert room.window.focusWidget() is fields["code"]
    assert room.first.told.words.startswith("Type the six digits")
    assert not room.first.told.wrong
    room.acts.refuses = None
    for wrong in ("", "12345", "abcdef"):
        typed_in(room, ("code", wrong))
        press(room, Qt.Key.Key_Return)
        assert (room.acts.asked, room.first.told.about) == ([], "code")
    for error, about in (
        (WrongCode("wrong-code"), "code"),
        (ServerBusy(90), "password"),
    ):
        room.acts.refuses = error
        typed_in(room, ("code", "123456"))
        press(room, Qt.Key.Key_Return)
        assert (room.first.told.about, room.first.told.wrong) == (about, True)
        assert "{" not in room.first.told.words
    room.acts.refuses = None
    typed_in(room, ("code", "123 456"))
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked[-1] == ("sign-in", (), "https://ecole/e1/claire/pw/123456")
    typed_in(room, ("login", "keller"))
    assert not fields["code"].isVisible(), "another person may need none"
    click(room, "sign-in")
    assert room.acts.asked[-1] == ("sign-in", (), "https://ecole/e1/keller/pw")


def test_a_server_that_was_away_is_asked_again_which_account_it_offers(opened: Opens) -> None:
    room = opened()
    room.acts.account, room.acts.away = "Ville", "https://ecole"
    room.first.look_for_account("https://ecole", "e1")
    assert not room.first.account
    room.acts.away = ""
    room.first.look_for_account("https://ecole", "e1")
    assert room.first.account == "Ville"


def test_who_signs_in_by_the_account_and_administrates_gives_the_code_alone(opened: Opens) -> None:
    room = opened()
    room.window.show()
    fields = room.window.first_run.fields
    room.acts.account = "Ville"
    typed_in(room, ("server", "https://ecole"), ("school", "e1"))
    room.first.look_for_account("https://ecole", "e1")
    room.acts.refuses = CodeAsked("second-factor")
    click(room, "account")
    shown = [name for name, field in fields.items() if field.isVisible()]
    assert (shown, room.first.told.about) == (["code"], "code")
    for error, still in ((WrongCode("wrong-code"), True), (NotSignedIn(), False)):
        room.acts.refuses = error
        typed_in(room, ("code", "123456"))
        press(room, Qt.Key.Key_Return)
        assert (room.first.half, room.first.told.wrong) == (still, True)
    assert room.first.told.words == "That took too long. Begin again."
    room.acts.refuses = CodeAsked("second-factor")
    click(room, "account")
    room.acts.refuses = None
    typed_in(room, ("code", "123 456"))
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked == [("give-code", (), "123456")]


def test_who_needs_a_second_factor_and_has_none_chooses_it_here(opened: Opens) -> None:
    room = opened()
    room.window.show()
    page = room.window.first_run
    typed_in(room, ("server", "https://ecole"), ("school", "e1"), ("login", "claire"))
    typed_in(room, ("password", "pw"))
    room.acts.refuses_once = NoFactor("second-factor")
    click(room, "sign-in")
    assert room.acts.asked == [("choose-factor", (), "")]
    assert page.factor.isVisible()
    assert page.factor.key.text() == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    assert not page.factor.qr.pixmap().isNull()
    assert room.window.focusWidget() is page.fields["code"]
    click(room, "copy-recovery")
    assert len(QGuiApplication.clipboard().text().splitlines()) == 10
    typed_in(room, ("code", "654321"))
    click(room, "sign-in")
    assert room.acts.asked[-1] == ("give-code", (), "654321")
    room.first.came_in()
    assert (room.first.factor, page.factor.codes.text()) == (None, ""), "nothing of it stays"


def test_who_does_not_want_to_choose_a_second_factor_goes_back(opened: Opens) -> None:
    room = opened()
    room.window.show()
    room.acts.refuses_once = NoFactor("second-factor")
    typed_in(room, ("server", "s"), ("school", "e1"), ("login", "claire"), ("password", "pw"))
    click(room, "sign-in")
    click(room, "somebody-else")
    page = room.window.first_run
    assert (page.factor.isVisible(), page.fields["password"].isVisible()) == (False, True)
    room.acts.refuses = Refused("enrolled")
    room.acts.refuses_once = NoFactor("second-factor")
    click(room, "sign-in")
    assert (room.first.told.about, room.first.factor) == ("code", None)


def test_a_server_that_does_not_answer_the_first_sign_in_promises_no_classes(opened: Opens) -> None:
    room = opened()
    room.window.show()
    room.acts.refuses = Unreachable()
    typed_in(room, ("server", "https://ecole"), ("school", "e1"), ("login", "c"), ("password", "p"))
    click(room, "sign-in")
    assert room.first.told.about == "server"
    assert room.first.told.words.startswith("No server answers at this address.")
    assert "classes" not in room.first.told.words


def test_who_is_signed_in_without_a_class_reads_who_gives_one_and_asks_the_school(
    opened: Opens,
) -> None:
    room = opened()
    room.classes.whose = "Claire Vidal", "Tilleuls"
    room.window.show()
    room.desk.go("classes")
    room.classes.show(())
    room.settle()
    words = room.window.classes.summary.text()
    assert words.startswith("Claire Vidal, you have no class yet (Tilleuls).")
    click(room, "ask-school")
    assert room.acts.asked == [("sync-now", (), "")]
    room.classes.show([roster()])
    room.settle()
    assert not room.window.classes.ask_school.isVisible()
    assert room.window.classes.summary.text() == ""


@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_each_refusal_of_the_server_is_a_sentence_of_its_own(opened: Opens, language: str) -> None:
    opened(language)
    known = [
        ("no-verbs", "login"),
        ("no-class", "login"),
        ("no-certificate", "server"),
        ("malformed", "school"),
        ("unknown-account", "server"),
        ("no-openid", "server"),
        ("no-such-path", "server"),
        ("enrolled", "code"),
        ("a-word-of-a-later-server", "login"),
    ]
    told = [not_signed_in(Refused(code)) for code, _ in known]
    told += [not_signed_in(NotSignedIn(code)) for code in ("openid-state", "openid-audience")]
    assert [one.about for one in told] == [*(about for _, about in known), "server", "server"]
    assert len({one.words for one in told}) == len(told)
    assert all(one.wrong and "{" not in one.words for one in told)
    assert "a-word-of-a-later-server" in told[8].words, "for whoever is asked about it"
    wrong = not_signed_in(WrongPassword("wrong-password"))
    assert wrong.words not in {one.words for one in told}
    # Who answers in the school's place is told as the sheet tells it.
    whys = ("portal", "certificate", "https")
    others = [not_signed_in(NotAServer(why)) for why in whys]
    assert [one.words for one in others] == [trouble_words(School(why=why)) for why in whys]
    assert {(one.about, one.wrong) for one in others} == {("server", True)}
