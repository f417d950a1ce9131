"""What the MDM wants of a device, on the device: newest wins, once at most, proved, told."""

import asyncio
import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from central_mdm.contract.fleet import Inventory
from central_mdm.contract.names import HELD_MAX
from central_mdm.contract.wanted import (
    URGENT_TYPE,
    WANTED_TYPE,
    Body,
    Command,
    Declaration,
    Ended,
    Report,
    Reports,
    Rule,
    Urgent,
    Wanted,
)
from central_mdm.fleet.groups import fits
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard import wanted
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.enrolled import Enrolment, read_enrolment
from device_bridge.agent.guard.notices import Notices
from device_bridge.agent.guard.voice import Voice
from device_bridge.agent.guard.wanted import CUT_OFF, WantedHere
from device_bridge.agent.guard.wiping import begin_wipe, finish_wipe
from device_bridge.agent.settings import Machine, NotHere, Remembered, Unsupported
from device_bridge.protocol.attention import NO_SEAT
from device_bridge.protocol.errors import NotAllowed, TryAgain
from device_bridge.protocol.fields import SchoolAct
from device_bridge.protocol.seat import LostShown, NoticeShown, ShowLost, ShowNotice
from device_bridge.trust.grants import sign
from tests.disks import disk
from tests.enrolled import DEVICE, folder_of
from tests.school import NOW, SmallSchool, spoilt
from tests.teaching import until

pytestmark = pytest.mark.real_loop
DAY = 86_400
TIMEOUT = Declaration("screen_timeout", 3, {"seconds": 120})
OVERTAKES_SECONDS = 0.3
"""Time enough for one to overtake another who waits for the disk, if nothing holds it."""


class Killed(BaseException):
    """The process ends here, whatever it was about to do."""


@dataclass
class Pupil:
    """Whom the device tells what the school does. `why`: why it is not seen."""

    seen: list[tuple[SchoolAct, str]] = field(default_factory=list[tuple[SchoolAct, str]])
    lost: list[str] = field(default_factory=list[str])
    why: str = ""
    who: str = ""

    async def show(self, id_: str, about: SchoolAct, text: str, who: str) -> str:
        assert id_
        assert who
        self.who = who
        self.seen.append((about, text))
        return self.why

    async def show_lost(self, text: str) -> str:
        self.lost.append(text)
        return self.why


@dataclass
class Here:
    """A device, and what its school may sign for it."""

    folder: Folder
    enrolment: Enrolment
    school: SmallSchool
    machine: Machine
    now: float = NOW + 10
    boot: str = "boot-1"
    at_boot: float = 1000.0
    pupil: Pupil = field(default_factory=Pupil)
    noted: list[str] = field(default_factory=list[str])
    said_by: str = ""

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> None:
        """Start the agent anew, on what is on the disk."""

        def note(kind: str, facts: dict[str, str | int], words: str) -> None:
            del facts
            self.noted.append(kind)
            if kind == "settings":
                self.said_by = words

        self.wanted = WantedHere(
            self.folder,
            self.enrolment,
            self.machine,
            self.pupil,
            lambda: self.now,
            Clock(lambda: self.at_boot, lambda: self.now, self.boot),
            note,
        )

    def wants(
        self,
        version: int,
        *commands: Command,
        declared: tuple[Declaration, ...] = (),
        certificate: str = "",
        assignment: str = "",
    ) -> str:
        told = Wanted(
            DEVICE, self.school.id, version, NOW, declared, commands, certificate, assignment
        )
        return sign(told, WANTED_TYPE, self.school.key)

    def urges(
        self, version: int, lost: str = "", wipe: str = "", wipe_at: int = 0, at: int = NOW
    ) -> str:
        told = Urgent(DEVICE, self.school.id, version, at, lost, wipe, wipe_at)
        return sign(told, URGENT_TYPE, self.school.key)

    async def hears(self, wanted: str, urgent: str = "") -> Reports:
        await self.wanted.heard_from_mdm(wanted, urgent)
        return self.wanted.owed() or Reports()


def a_device(tmp_path: Path, machine: Machine | None = None) -> Here:
    school = SmallSchool()
    folder = folder_of(tmp_path / "device", school, school.identity("device", DEVICE))
    rung = Machine() if machine is None else machine
    return Here(folder, read_enrolment(folder), school, rung)


async def test_an_older_statement_and_one_that_is_forged_or_anothers_are_refused(
    tmp_path: Path,
) -> None:
    here = a_device(tmp_path, Machine({"screen_timeout": Remembered()}))
    newest = here.wants(7, declared=(TIMEOUT,))
    assert await here.wanted.carried(newest)
    assert not await here.wanted.carried(here.wants(6)), "an older one is replayed"
    assert not await here.wanted.carried(newest), "the same again"
    for forged in (
        sign(Wanted(DEVICE, "school-1", 9, NOW), WANTED_TYPE, SmallSchool().key),
        sign(Wanted("dev-2", "school-1", 9, NOW), WANTED_TYPE, here.school.key),
        spoilt(newest),
        here.school.assignment(DEVICE),
        "",
    ):
        with pytest.raises(NotAllowed):
            await here.wanted.carried(forged)
    await here.wanted.review()
    assert (here.wanted.owed() or Reports()).reports == (
        Report("screen_timeout", 3, "applied", "{'seconds': 120}"),
    )


async def test_a_full_disk_puts_off_what_is_wanted_and_does_not_end_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wanted, "AGAIN_SECONDS", 0.01)
    caplog.set_level(logging.INFO, wanted.__name__)
    with disk(tmp_path / "small", "1m") as small:
        here = a_device(small.folder, Machine({"screen_timeout": Remembered()}))
        assert await here.wanted.carried(here.wants(7, declared=(TIMEOUT,)))
        small.fill()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(here.wanted.run())
            await until(lambda: "what is wanted waits" in caplog.messages)
            assert here.wanted.owed() is None, "nothing is told that is not on the disk"
            small.empty()
            await until(here.wanted.owed)
            running.cancel()


async def test_what_locks_or_erases_is_refused_from_whoever_carries_it(tmp_path: Path) -> None:
    here = a_device(tmp_path)
    for urgent in (here.urges(9, lost="Call us"), here.urges(9, wipe="w1", wipe_at=NOW)):
        with pytest.raises(NotAllowed):
            await here.wanted.carried(urgent)
    await here.wanted.review()
    assert (here.pupil.lost, here.wanted.wipe) == ([], "")


async def test_what_a_stolen_root_has_signed_is_over_with_it_and_hides_nothing_of_the_new_one(
    tmp_path: Path,
) -> None:
    here = a_device(tmp_path, Machine({"screen_timeout": Remembered()}, ring=lambda: None))
    order, most = Command("o1", "ring", NOW + 60), 2**53
    await here.hears(here.wants(1, order), here.urges(1))
    stolen = here.wants(most, declared=(TIMEOUT,))
    await here.hears(stolen, here.urges(most, lost="Pay us"))
    assert (here.wanted.version, here.wanted.heard) == (HELD_MAX, HELD_MAX), "more is not readable"
    here.school = SmallSchool()
    here.enrolment = replace(here.enrolment, school=here.school.school, epoch=1)
    here.wanted.take_up(here.enrolment)
    for _ in range(2):
        assert (here.wanted.version, here.wanted.heard) == (0, 0)
        here.again()
    with pytest.raises(NotAllowed):
        await here.wanted.carried(stolen)
    told = await here.hears(here.wants(2, order), here.urges(2))
    assert (here.wanted.version, here.wanted.heard) == (2, 2)
    assert here.pupil.lost == ["Pay us", ""]
    assert told.ended == (Ended("o1", "done", "rang and shown"),), "once, though told again"
    raw = here.folder.wanted.read_bytes()
    here.folder.wanted.write_bytes(raw.replace(b',"epoch":1', b""))
    here.again()
    assert here.wanted.owed() == told, "one of an agent of before"


async def test_a_list_that_cannot_be_read_any_more_is_asked_for_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = a_device(tmp_path)
    here.folder.wanted.mkdir()  # as a sector that cannot be read any more
    here.again()
    assert "wanted.json is spoilt" in caplog.messages
    caplog.clear()
    assert here.wanted.heard == 0


async def test_what_came_by_a_carrier_hides_nothing_that_the_mdm_has_to_say(tmp_path: Path) -> None:
    here = a_device(tmp_path)
    await here.hears(here.wants(3), here.urges(3))
    assert here.wanted.heard == 3
    assert await here.wanted.carried(here.wants(5))
    assert here.wanted.heard == 3, "of what is urgent in version 5 nobody has told it"
    await here.hears(here.wants(5), here.urges(5, lost="Call us"))
    assert (here.wanted.heard, here.pupil.lost) == (5, ["Call us"])


async def test_a_setting_is_applied_proved_and_its_drift_told_and_mended(tmp_path: Path) -> None:
    screen = Remembered()
    here = a_device(tmp_path, Machine({"screen_timeout": screen, "wifi": NotHere("no card")}))
    rest = (Declaration("wifi", 4, {"name": "class"}), Declaration("moon", 5, {"on": True}))
    told = await here.hears(here.wants(1, declared=(TIMEOUT, *rest)))
    assert told.reports == (
        Report("screen_timeout", 3, "applied", "{'seconds': 120}"),
        Report("wifi", 4, "unsupported", "no card"),
        Report("moon", 5, "unsupported", "this agent does not know it"),
    )
    assert here.pupil.seen == [], "nothing pops up"
    assert here.noted.count("settings") == 1
    assert here.said_by == "School", "as its pupils know it, and not by its id"
    await here.wanted.told(told)
    assert await here.hears("") == Reports(), "nothing new, nothing told"
    screen.set({"seconds": 9})
    (drift,) = (await here.hears("")).reports
    assert drift.state == "applied"
    assert "it had become {'seconds': 9}" in drift.reason
    assert screen.read(TIMEOUT.body)[0], "mended"


async def test_a_setting_that_does_not_hold_is_never_told_as_applied(tmp_path: Path) -> None:
    class Stubborn(Remembered):
        def set(self, body: Body) -> None:
            del body

    here = a_device(tmp_path, Machine({"screen_timeout": Stubborn()}))
    (told,) = (await here.hears(here.wants(1, declared=(TIMEOUT,)))).reports
    assert (told.state, told.reason) == ("failed", "still {}")


async def test_a_command_is_done_once_however_often_it_comes_and_the_agent_is_killed(
    tmp_path: Path,
) -> None:
    rung = list[int]()

    def ring() -> None:
        rung.append(1)
        raise Killed

    here = a_device(tmp_path, Machine(ring=ring))
    order = Command("o1", "ring", NOW + 60)
    with pytest.raises(Killed):
        await here.hears(here.wants(1, order))
    here.again()
    told = await here.hears(here.wants(2, order))
    assert told.ended == (Ended("o1", "failed", CUT_OFF),)
    here.again()
    assert await here.hears(here.wants(3, order)) == told, "kept until the MDM has it"
    await here.wanted.told(told)
    here.again()
    assert await here.hears(here.wants(4, order)) == Reports()
    assert rung == [1]


async def test_a_command_ends_by_what_was_seen_and_never_runs_after_its_time(
    tmp_path: Path,
) -> None:
    rung = list[int]()
    here = a_device(tmp_path, Machine(ring=lambda: rung.append(1)))
    orders = (
        Command("o1", "ring", NOW + 60),
        Command("o2", "message", NOW + 60, "Bring it back"),
        Command("o3", "restart", NOW + 60),
        Command("o4", "fly", NOW + 60),
        Command("o5", "ring", NOW + 10),
    )
    told = await here.hears(here.wants(1, *orders))
    assert [(one.id, one.state) for one in told.ended] == [
        ("o1", "done"),
        ("o2", "done"),
        ("o3", "unsupported"),
        ("o4", "unsupported"),
        ("o5", "expired"),
    ]
    assert rung == [1]
    assert here.pupil.seen == [("ring", ""), ("message", "Bring it back"), ("restart", "")]
    assert here.noted.count("order-ring") == 1
    here.pupil.why = NO_SEAT
    await here.wanted.told(told)
    (unseen,) = (await here.hears(here.wants(2, Command("o6", "message", NOW + 60, "x")))).ended
    assert unseen == Ended("o6", "failed", NO_SEAT)


async def test_whatever_the_pupils_own_seat_gives_as_a_reason_the_mdm_can_read_what_is_told(
    tmp_path: Path,
) -> None:
    here = a_device(tmp_path)
    here.pupil.why = "\x00 not \x00 seen"
    order = Command("o1", "message", NOW + 60, "Bring it back")
    told = await here.hears(here.wants(2, order), here.urges(2))
    assert told.ended == (Ended("o1", "failed", "not seen"),)
    told = await here.hears(here.wants(3), here.urges(3, lost="Call us"))
    assert told.reports == (Report("lost", 3, "failed", "not seen"),)
    spoilt = here.folder.wanted.read_bytes().replace(b"not seen", rb"\u0000")
    here.folder.wanted.write_bytes(spoilt)
    here.again()
    told = here.wanted.owed() or Reports()
    assert (told.ended[0].id, told.ended[0].reason.strip()) == ("o1", "")
    assert not await here.wanted.carried(here.wants(3)), "it is not begun anew"
    here.pupil.why = r"\u0000 is a word as any other"
    await here.hears(here.wants(4, Command("o2", "message", NOW + 60, "x")))
    here.again()
    assert here.wanted.version == 4


async def test_a_restart_is_done_when_the_machine_has_started_anew(tmp_path: Path) -> None:
    asked = list[int]()
    here = a_device(tmp_path, Machine(restart=lambda: asked.append(1)))
    order = Command("o1", "restart", NOW + 60)
    later = Command("o2", "message", NOW + 600, "x")
    assert (await here.hears(here.wants(1, order, later))).ended == (), "not yet, and nothing else"
    here.again()
    assert (await here.hears(here.wants(2, later))).ended == (), "the same boot: under way still"
    here.boot = "boot-2"
    here.again()
    assert [(one.id, one.state) for one in (await here.hears("")).ended] == [
        ("o1", "done"),
        ("o2", "done"),
    ]
    assert asked == [1]


async def test_a_restart_that_does_not_come_holds_up_nothing_but_another_one(
    tmp_path: Path,
) -> None:
    asked = list[int]()
    here = a_device(tmp_path, Machine(restart=lambda: asked.append(1)))
    first, second = (Command(f"o{n}", "restart", NOW + DAY) for n in (1, 2))
    word = Command("o3", "message", NOW + DAY, "x")
    assert (await here.hears(here.wants(1, first, second, word))).ended == (), "it may come now"
    here.at_boot += 60
    assert (await here.hears("")).ended == (Ended("o3", "done", "shown"),)
    here.boot, here.at_boot = "boot-2", 5.0
    here.again()
    told = await here.hears("")
    assert told.ended[1:] == (Ended("o1", "done", "started anew"),)
    assert asked == [1, 1], "the other one, in its turn"
    raw = here.folder.wanted.read_bytes()
    before = raw.replace(b'"begun":["",""]', b'"begun":["o2","boot-2"]')
    here.folder.wanted.write_bytes(before.replace(b',"restarting":', b',"once":'))
    here.boot = "boot-3"
    here.again()
    told = await here.hears("")
    assert told.ended[2:] == (Ended("o2", "done", "started anew"),), "begun by an agent of before"
    assert asked == [1, 1]


async def test_who_is_missing_says_so_over_a_restart_until_it_is_found(tmp_path: Path) -> None:
    here = a_device(tmp_path)
    told = await here.hears(here.wants(2), here.urges(2, lost="Call 12"))
    assert told.reports == (Report("lost", 2, "applied", "shown"),)
    here.again()
    await here.wanted.review()
    assert here.pupil.lost == ["Call 12", "Call 12"]
    with pytest.raises(NotAllowed):
        await here.wanted.heard_from_mdm("", here.urges(1))
    (over,) = (await here.hears(here.wants(3), here.urges(3, at=NOW + 1))).reports
    assert (here.pupil.lost[-1], over.reason) == ("", "over")


async def test_a_message_waits_until_it_can_be_read_on_a_device_that_was_missing(
    tmp_path: Path,
) -> None:
    here = a_device(tmp_path, Machine(ring=lambda: None))
    orders = (
        Command("o1", "message", NOW + 60, "Bring it back"),
        Command("o2", "ring", NOW + 60),
        Command("o3", "message", NOW + 20, "Too late"),
    )
    told = await here.hears(here.wants(2, *orders), here.urges(2, lost="Call 12"))
    assert told.ended == (Ended("o2", "done", "rang and shown"),), "who has it may hear it"
    here.again()
    here.now += 20
    found = await here.hears(here.wants(3, *orders), here.urges(3, at=NOW + 1))
    assert found.ended[1:] == (Ended("o1", "done", "shown"), Ended("o3", "expired", ""))
    assert [about for about, _ in here.pupil.seen] == ["ring", "message"]


async def test_what_is_wanted_and_is_no_use_here_keeps_back_nothing_that_is_urgent(
    tmp_path: Path,
) -> None:
    here = a_device(tmp_path)
    with pytest.raises(NotAllowed):
        await here.wanted.heard_from_mdm("of a newer MDM", here.urges(2, lost="Call 12"))
    assert here.pupil.lost == ["Call 12"]
    assert here.wanted.heard == 0, "so it asks for the rest again"
    with pytest.raises(NotAllowed):
        await here.wanted.heard_from_mdm(here.wants(3, Command("c", "ring", NOW + 99)), "none")
    assert here.wanted.version == 3
    await here.hears(here.wants(3), here.urges(3))
    assert here.wanted.heard == 3


async def test_an_erasure_waits_for_what_is_signed_after_its_delay_and_is_asked_for_anew(
    tmp_path: Path,
) -> None:
    here = a_device(tmp_path)
    at = NOW + 3600
    await here.hears(here.wants(2), here.urges(2, wipe="w1", wipe_at=at))
    here.now = at + 600
    await here.wanted.review()
    assert here.wanted.wipe == "", "the clock alone is no yes: it may be cancelled"
    assert here.wanted.heard == 1, "so it asks"
    await here.hears(here.wants(2), here.urges(2, wipe="w1", wipe_at=at, at=at + 1))
    assert here.wanted.wipe == "w1"
    await here.hears(here.wants(3), here.urges(3, at=at + 2))
    assert (here.wanted.wipe, here.wanted.heard) == ("", 3), "cancelled after all"


async def test_a_server_whose_clock_leaps_erases_nothing_before_the_delay_is_over(
    tmp_path: Path,
) -> None:
    here, at = a_device(tmp_path), NOW + 7 * DAY

    async def is_urged(issued_at: int) -> str:
        await here.hears("", here.urges(2, wipe="w1", wipe_at=at, at=issued_at))
        return here.wanted.wipe

    await here.hears(here.wants(2))
    assert await is_urged(NOW + 10 * DAY) == "", "its clock leapt for a minute"
    here.again()
    assert (here.wanted.wipe, here.wanted.heard) == ("", 1), "nor after a restart; and it asks"
    here.at_boot += 60
    assert await is_urged(NOW + 20 * DAY) == "", "it leaps once more"
    here.boot, here.at_boot = "boot-2", 5.0
    here.again()
    assert await is_urged(NOW + 120) == "", "it is set right, and is believed"
    here.now = NOW + 5 * DAY
    assert await is_urged(NOW + 10 * DAY) == "", "another leap is a first one"
    here.now = at + 1
    assert await is_urged(at + 1) == "w1"


async def test_a_stolen_device_is_erased_when_it_comes_after_the_delay_whatever_its_clock_says(
    tmp_path: Path,
) -> None:
    here, at = a_device(tmp_path), NOW + 3600

    async def is_urged(issued_at: int) -> str:
        await here.hears("", here.urges(2, wipe="w1", wipe_at=at, at=issued_at))
        return here.wanted.wipe

    await here.hears(here.wants(2))
    here.now = at + 2 * DAY
    assert await is_urged(at + 2 * DAY) == "w1", "it was off since before it was asked"
    here.now = NOW - DAY
    assert await is_urged(at + 2 * DAY) == "", "the thief sets its clock back"
    here.boot, here.at_boot = "boot-2", 5.0
    here.again()
    assert await is_urged(at + 2 * DAY + 600) == "", "starts it anew"
    here.now = -5.0
    here.boot, here.at_boot = "boot-3", 5.0
    here.again()
    assert await is_urged(at + 3 * DAY) == "w1", "and uses it for minutes a day: one day more"
    here.again()
    assert here.wanted.wipe == "w1"


async def test_a_device_that_is_left_on_under_a_wrong_clock_is_erased_hours_after_the_delay(
    tmp_path: Path,
) -> None:
    here, at = a_device(tmp_path), NOW + 3600
    await here.hears(here.wants(2))
    for hours, wipe in ((0, ""), (3, ""), (4, "w1")):
        issued_at, here.at_boot = at + hours * 3600, 1000.0 + hours * 3600
        await here.hears("", here.urges(2, wipe="w1", wipe_at=at, at=issued_at))
        assert here.wanted.wipe == wipe, hours


async def test_a_server_that_begins_each_morning_puts_a_stolen_devices_erasure_off_by_no_day(
    tmp_path: Path,
) -> None:
    here, at = a_device(tmp_path), NOW + 3600

    async def is_urged(issued_at: int, wipe_at: int = at) -> str:
        await here.hears("", here.urges(2, wipe="w1", wipe_at=wipe_at, at=issued_at))
        return here.wanted.wipe

    await here.hears(here.wants(2))
    here.now = NOW - DAY
    assert await is_urged(at + 60) == ""
    here.boot, here.at_boot = "boot-2", 5.0
    here.again()
    began = at + DAY
    assert await is_urged(began, wipe_at=began + 3600) == "", "its first hour tells nothing as due"
    assert await is_urged(began + 3601) == "w1"


async def test_erasing_removes_what_is_the_agents_says_what_and_goes_on_where_it_was_cut(
    tmp_path: Path,
) -> None:
    here = a_device(tmp_path)
    folder, said = here.folder, list[Reports]()

    async def away(_: Reports) -> None:
        raise TryAgain(1)

    async def tell(reports: Reports) -> None:
        said.append(reports)

    assert not await finish_wipe(folder, tell)
    begin_wipe(folder, "w1")
    with pytest.raises(TryAgain):
        await finish_wipe(folder, away)
    assert set(folder.root.iterdir()) == {folder.fleet, folder.wiping}
    assert await finish_wipe(folder, tell)
    assert list(folder.root.iterdir()) == []
    (ended,) = said[0].ended
    assert (ended.id, ended.state) == ("w1", "done")
    assert "journal.jsonl" in ended.reason
    assert ended.reason.endswith("unsupported here: the rest of the disk")


async def test_one_thing_that_cannot_be_removed_keeps_nothing_else_from_being_erased(
    tmp_path: Path,
) -> None:
    folder, said = a_device(tmp_path).folder, list[Reports]()

    async def tell(reports: Reports) -> None:
        said.append(reports)

    begin_wipe(folder, "w1")
    with disk(folder.root / "a-mount", "1m") as mounted:
        with pytest.raises(OSError, match="not erased"):
            await finish_wipe(folder, tell)
        left = {folder.fleet, folder.wiping, mounted.folder}
        assert set(folder.root.iterdir()) == left
    assert said == []
    assert await finish_wipe(folder, tell)
    assert "journal.jsonl" in said[0].ended[0].reason


async def test_what_is_there_again_after_an_erasure_is_not_told_as_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = a_device(tmp_path)
    folder, said = here.folder, list[Reports]()

    async def tell(reports: Reports) -> None:
        said.append(reports)

    def written_again(root: Path) -> None:
        (root / "journal.jsonl").write_bytes(b"of another process of ours")

    begin_wipe(folder, "w1")
    with monkeypatch.context() as patched:
        patched.setattr("device_bridge.agent.guard.wiping.sync_folder", written_again)
        with pytest.raises(OSError, match="not erased"):
            await finish_wipe(folder, tell)
    assert said == []
    assert await finish_wipe(folder, tell)
    assert list(folder.root.iterdir()) == []
    assert len(said) == 1


async def test_a_notice_counts_when_the_seat_has_shown_it() -> None:
    voice = Voice(Clock(lambda: 0.0, lambda: 0.0, "boot"), lambda: 0.0)
    notices, told = Notices(voice), list[object]()
    assert await notices.show("n1", "ring", "", "school-1") == NO_SEAT

    def seat(message: object) -> None:
        told.append(message)
        if isinstance(message, ShowNotice):
            assert notices.shown(NoticeShown(message.id, "covered"))
        if isinstance(message, ShowLost):
            notices.lost_shown(LostShown())

    voice.tell_seat = seat
    assert await notices.show("n1", "ring", "", "school-1") == "covered"
    assert not notices.shown(NoticeShown("another")), "a teacher's"
    assert await notices.show_lost("Call us") == ""
    notices.seat_came()
    assert told[-1] == ShowLost("Call us"), "who logs in sees it too"


@pytest.mark.parametrize(
    ("rule", "is_in"),
    [
        (Rule(kind="laptop"), True),
        (Rule(kind="laptop", model="T15"), False),
        (Rule(system="Linux-6."), True),
        (Rule(system="Linux-5."), False),
        (Rule(class_id="5B", model="T14"), True),
        (Rule(class_id="5C"), False),
    ],
)
def test_a_rule_has_whom_all_of_it_fits(rule: Rule, is_in: bool) -> None:  # noqa: FBT001 - a case
    inventory = Inventory("laptop", "Linux-6.1-x86", "T14")
    assert fits(rule, inventory, {"5B"}) is is_in


def test_what_is_not_here_says_why() -> None:
    with pytest.raises(Unsupported, match="no card"):
        NotHere("no card").set({})


class SlowDisk:
    """The disk takes its time over the first of what `holds`; `begun` says that it is at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, holds: bytes) -> None:
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self._holds, self._real = holds, wanted.write_private
        monkeypatch.setattr(wanted, "write_private", self._write)

    def _write(self, path: Path, raw: bytes) -> None:
        if self._holds in raw and not self.begun.is_set():
            self.begun.set()
            assert self.goes_on.wait(10)
        self._real(path, raw)


async def test_what_two_bring_at_once_ends_with_the_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = a_device(tmp_path)
    disk = SlowDisk(monkeypatch, b'"version":10')
    async with asyncio.TaskGroup() as both:
        both.create_task(here.wanted.carried(here.wants(10)))
        await asyncio.to_thread(disk.begun.wait)
        newer = both.create_task(here.hears(here.wants(11), here.urges(11, lost="Call us")))
        await asyncio.wait({newer}, timeout=OVERTAKES_SECONDS)
        disk.goes_on.set()
    here.again()
    assert (here.wanted.version, here.wanted.heard) == (11, 11)
    assert here.pupil.lost == ["Call us"]


async def test_an_order_is_done_once_though_a_newer_list_with_it_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = a_device(tmp_path)
    order = Command("o1", "message", NOW + 1000, "hello")
    await here.wanted.carried(here.wants(3, order))
    disk = SlowDisk(monkeypatch, b'"version":4')
    async with asyncio.TaskGroup() as both:
        both.create_task(here.wanted.carried(here.wants(4, order)))
        await asyncio.to_thread(disk.begun.wait)
        does = both.create_task(here.wanted.review())
        await asyncio.wait({does}, timeout=OVERTAKES_SECONDS)
        disk.goes_on.set()
    await here.wanted.review()
    assert here.pupil.seen == [("message", "hello")]


async def test_an_order_that_is_taken_back_while_another_is_done_is_not_done(
    tmp_path: Path,
) -> None:
    here = a_device(tmp_path)
    first, second = (Command(f"o{n}", "message", NOW + 1000, f"word {n}") for n in (1, 2))
    shown = here.pupil.show

    async def show(id_: str, about: SchoolAct, text: str, who: str) -> str:
        await here.wanted.carried(here.wants(4, first))
        return await shown(id_, about, text, who)

    here.pupil.show = show
    await here.wanted.carried(here.wants(3, first, second))
    await here.wanted.review()
    assert here.pupil.seen == [("message", "word 1")]
