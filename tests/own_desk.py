"""The whole desk without a server, played: python -m tests.own_desk FOLDER."""

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QPushButton

from central_mdm.contract.grants import GRANT_SECONDS_MAX
from central_mdm.contract.roster import Change, ClassRow, DeviceRow, PupilRow
from classroom_app.bootstrap import Desk, live
from classroom_app.domain.errors import AuthorityLocked, NoClass
from classroom_app.domain.founding import Founding
from classroom_app.domain.lesson import ClassId, Roster
from classroom_app.ids import new_id
from classroom_app.loop import DeskLoop
from classroom_app.own_school import SCOPE, OwnSchool
from classroom_app.storage.authority import keep_authority, open_authority
from classroom_app.storage.keeping import open_keeping
from classroom_app.storage.keys import WAITS
from classroom_app.views.unlocking import UnlockingWindow
from classroom_app.views.window import DeskWindow
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.pairing import Pairing
from device_bridge.agent.leave import leave_by_file
from device_bridge.session.pairing import Code
from tests.rings import MemoryRing, NoRing

HERE = ["127.0.0.1"]
PASSPHRASE = "three white goats ate"  # noqa: S105 - seals what a test made
SECRET = "seven red pears fell"  # noqa: S105 - as above


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - the desk is looked at, as a person does
            await asyncio.sleep(0.05)


async def first_day(home: Path, folder: Path) -> None:
    desk = Desk(await open_keeping(home), home, HERE, "light")
    try:
        await desk.begin()
        pupils = (("Lina", "Berg"),)
        safe = str(home / "safe.json")
        await desk.found_school(Founding("Dorfschule", "Ms V", "5B", pupils, PASSPHRASE, safe))
        [roster] = desk.classes.classes
        desk.classes.pairing.open(roster.id, roster.name)
        await until(lambda: desk.classes.pairing.window)
        window = desk.classes.pairing.window
        assert window is not None
        assert desk.desk.page == "pairing"
        device = Pairing(
            Folder(folder),
            Code(window.code.encode()),
            ("Tablet 1", "linux"),
            now=time.monotonic,
            random_bytes=os.urandom,
            opened="class",
        )
        async with asyncio.TaskGroup() as group:
            door = group.create_task(device.run(device.bind(HERE), HERE))
            await until(lambda: any(one.state == "asks" for one in window.askers()))
            window.answer(device.label, yes=True)
            given = await door
        await until(lambda: desk.classes.classes[0].devices)
        assert [each.id for each in desk.classes.classes[0].devices] == [given.device]
        assert desk.desk.school_words() == "No server: all stays here"
    finally:
        await desk.close()
        desk.window.deleteLater()


async def next_day(home: Path, folder: Path) -> None:
    desk = Desk(await open_keeping(home), home, HERE, "light")
    try:
        await desk.begin()
        assert desk.school is not None
        before = desk.school.papers.signed.grant
        [roster] = desk.classes.classes
        with pytest.raises(AuthorityLocked):  # here is no keyring
            await desk.add_devices(roster.id)
        await desk.add_devices(roster.id, PASSPHRASE)
        assert desk.school.papers.signed.grant != before
        await desk.release(roster.devices[0].id, str(home / "release"), "")
        await asyncio.to_thread(leave_by_file, Folder(folder), home / "release")
        assert await desk.note_left(str(Folder(folder).receipt)) == roster.devices[0].id
        assert not desk.classes.classes[0].devices
        await a_class_comes_by_itself(desk)
        await ready_for_the_lesson(desk, roster, home / "plan.txt")
        await the_summary_is_of_the_last_lesson(desk, roster)
        await desk.start_lesson(roster.id, 1800)
        assert desk.desk.lesson is not None
        await the_journal_follows(desk)
        await a_pupil_comes_into_the_class(desk, roster)
        desk.desk.hand_out((), [one.ready for one in desk.desk.ready.offered])
        given = desk.school.materials
        await until(lambda: [each.name for each in given.handouts.values()] == ["map.txt"])
        desk.classes.passphrase.choose("", SECRET, SECRET)
        await until(lambda: desk.classes.passphrase.sealed)
    finally:
        await desk.close()
        desk.window.deleteLater()


async def the_journal_follows(desk: Desk) -> None:
    """See what is written come into the journal's page, which is not opened anew."""
    desk.desk.go("journal")
    await until(lambda: desk.journal.rowCount() == 1)
    await desk.extend(60)
    await until(lambda: desk.journal.rowCount() == 2)
    desk.desk.go_home()


async def the_summary_is_of_the_last_lesson(desk: Desk, roster: Roster) -> None:
    """End lessons in which a device was away: what is counted on ends where another goes on."""
    row = DeviceRow("away", roster.id, "Away", "test")
    await desk.keeping.apply(SCOPE, SCOPE, (Change(600, "device", row.id, row),), "", 0, "")
    await desk.start_lesson(roster.id, 1800)
    await desk.end()
    assert desk.summary.open, "it was not there, and says later that it is free"
    await desk.go_on()
    assert not desk.summary.open
    await desk.end()
    with pytest.raises(NoClass):
        await desk.start_lesson(ClassId("none"), 1800)
    assert not desk.summary.open
    await desk.keeping.apply(SCOPE, SCOPE, (Change(601, "device", row.id, None),), "", 0, "")


async def a_class_comes_by_itself(desk: Desk) -> None:
    """Let a sync bring and take a class: the page follows, and the keyboard stays where it was."""
    [roster] = desk.classes.classes
    desk.window.show()
    desk.window.activateWindow()
    start = f"start-{roster.id}"
    await until(lambda: desk.window.findChild(QPushButton, start))
    button = desk.window.findChild(QPushButton, start)
    assert button is not None
    button.setFocus()
    row = ClassRow("6A", "6A")
    await desk.keeping.apply(SCOPE, SCOPE, (Change(500, "class", row.id, row),), "", 0, "")
    await until(lambda: desk.window.findChild(QPushButton, "start-6A"))
    assert [one.name for one in desk.classes.classes] == ["5B", "6A"]
    held = desk.window.focusWidget()
    assert held is not None
    assert held.objectName() == start
    await desk.keeping.apply(SCOPE, SCOPE, (Change(501, "class", row.id, None),), "", 0, "")
    await until(lambda: not desk.window.findChild(QPushButton, "start-6A"))
    assert desk.desk.page == "classes"


async def a_pupil_comes_into_the_class(desk: Desk, roster: Roster) -> None:
    row = PupilRow("zoe", roster.id, "Zoe", "Berg", "Zoe", 9)
    await desk.keeping.apply(SCOPE, SCOPE, (Change(502, "pupil", row.id, row),), "", 0, "")
    await until(lambda: desk.wall.rowCount() == 2)


async def ready_for_the_lesson(desk: Desk, roster: Roster, plan: Path) -> None:
    """Choose two documents while no lesson is on, and take one out again."""
    documents = desk.desk.ready
    desk.desk.ask_documents(roster.id, roster.name)
    for name in ("plan.txt", "map.txt"):
        await asyncio.to_thread(plan.with_name(name).write_text, name)
    documents.choose([plan, plan.with_name("none.txt"), plan.with_name("map.txt")])
    await until(lambda: not documents.under_way())
    assert documents.troubles == ("none.txt is not there any more. Choose it again.",)
    assert [one.ready.name for one in documents.offered] == ["plan.txt", "map.txt"]
    documents.take_out(documents.offered[0].ready.document)
    await until(lambda: len(documents.offered) == 1)
    desk.window.close_sheet()


async def after_a_crash(home: Path) -> None:
    """Start the whole app: a page asks, a wrong word is said, then the lesson goes on."""

    def desk() -> DeskWindow | None:
        windows = QApplication.topLevelWidgets()
        return next((one for one in windows if isinstance(one, DeskWindow)), None)

    async def typed() -> None:
        def page() -> UnlockingWindow | None:
            windows = QApplication.topLevelWidgets()
            return next((one for one in windows if isinstance(one, UnlockingWindow)), None)

        await until(page)
        asks = page()
        assert asks is not None
        for word in (PASSPHRASE, SECRET):
            asks.field.setText(word)
            asks.button.click()
            if word != SECRET:
                await until(lambda: "does not open" in asks.said.text())
        await until(desk)
        window = desk()
        assert window is not None
        await until(lambda: window.desk.lesson)
        assert window.desk.page == "wall"
        await until(lambda: [one.ready.name for one in window.desk.ready.offered] == ["map.txt"])
        window.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(typed())
        group.create_task(live(home, HERE, None, "en", None, 1.0))


async def the_right_has_ended_meanwhile(home: Path) -> None:
    """Start after a crash in a lesson that the right did not outlast: the keyring renews it."""
    keeping = await open_keeping(home, passphrase=SECRET)
    papers, ring, now = await keeping.papers(), MemoryRing(), time.time()
    assert papers is not None
    authority = await asyncio.to_thread(open_authority, home, NoRing, WAITS, PASSPHRASE)
    await OwnSchool(authority, keeping, lambda: now - GRANT_SECONDS_MAX, new_id).renew(papers)
    await keeping.keep_floor(int(now))
    await asyncio.to_thread(keep_authority, home, authority, "", lambda: ring, WAITS)
    desk = Desk(keeping, home, HERE, "light")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("classroom_app.bootstrap.system_ring", lambda: ring)
        try:
            await desk.begin()
            assert desk.desk.page == "wall"
            assert desk.school is not None
            assert desk.school.room.lesson == desk.desk.lesson
            assert desk.school.papers.grant_ends_at > now
        finally:
            await desk.close()
            desk.window.deleteLater()


async def the_class_is_given_away(home: Path) -> None:
    """Start after a crash in a lesson whose class is another teacher's now: the app opens."""
    keeping = await open_keeping(home, passphrase=SECRET)
    await keeping.keep_scopes(())
    desk = Desk(keeping, home, HERE, "light")
    desk.speak("en")
    try:
        await desk.begin()
        assert (desk.desk.page, desk.desk.lesson) == ("classes", None)
        assert desk.desk.words_after().startswith("The lesson with 5B is over: ")
        assert "Type the passphrase at " in desk.desk.words_after()
        assert not desk.desk.goes_on()
    finally:
        await desk.close()
        desk.window.deleteLater()


def main() -> None:
    gc.disable()  # as the app does: no worker may end a window's timers
    folder = Path(sys.argv[1])
    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)  # as the app does
    with DeskLoop(app) as loop:
        loop.run_until_complete(first_day(folder / "home", folder / "device"))
        loop.run_until_complete(next_day(folder / "home", folder / "device"))
        loop.run_until_complete(after_a_crash(folder / "home"))
        loop.run_until_complete(the_right_has_ended_meanwhile(folder / "home"))
        loop.run_until_complete(the_class_is_given_away(folder / "home"))


if __name__ == "__main__":
    main()
