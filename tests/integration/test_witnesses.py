"""Both ends of a lesson exchange signed heads: over TLS, with real journals on both sides."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from central_mdm.contract.heads import Head, Mark, SignedHead, fault_of
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import DeviceId, LessonId
from classroom_app.papers import Papers
from classroom_app.storage.keeping import Keeping
from classroom_app.witness import Witness
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import Enrolment
from device_bridge.agent.guard.guard import Guard
from device_bridge.agent.guard.journal import Noted, verify
from device_bridge.agent.guard.witness import read_heads
from device_bridge.protocol.hello import Welcome
from device_bridge.protocol.journal import HeadAsked, HeadTold
from device_bridge.protocol.messages import FromDevice
from device_bridge.trust.heads import read_head, sign_head
from tests.guards import FakeLink, Hands, guard_in, link_to
from tests.papers import signed_papers
from tests.school import NOW, SmallSchool
from tests.stores.opening import opened, words

pytestmark = pytest.mark.real_loop
DEVICE, LESSON = DeviceId("dev-1"), LessonId("lesson-1")


@dataclass
class Told:
    """Where the app's words go: to the device, or into the air where it is away."""

    messages: list[HeadAsked] = field(default_factory=list[HeadAsked])
    here: bool = True

    def tell(self, device: str, message: HeadAsked) -> None:
        assert device == DEVICE
        if self.here:
            self.messages.append(message)


@dataclass
class Listening(FakeLink):
    """A link that says when the device has answered."""

    news: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, message: FromDevice) -> None:
        super().send(message)
        self.news.set()


@dataclass
class Scene:
    """One teacher's store, one device's folder, and what each says of the other."""

    keeping: Keeping
    guard: Guard
    link: Listening
    told: Told
    witness: Witness
    doubts: list[str]
    school: SmallSchool

    @property
    def folder(self) -> Folder:
        return self.guard.folder

    async def note(self, *rows: Noted) -> None:
        for row in rows:
            self.guard.voice.note(row.kind, row.facts, row.words)
        await self.guard.write_notes()

    async def exchange(self) -> Head:
        """Carry what the app asked to the device and back; return the device's head."""
        asked = self.told.messages.pop()
        self.guard.told(self.link, asked)
        async with asyncio.timeout(30):
            while not (heads := self.link.heard(HeadTold)):
                self.link.news.clear()
                await self.link.news.wait()
        await self.witness.take(DEVICE, heads[0])
        signed = SignedHead(heads[0].head, heads[0].certificate)
        return read_head(signed, self.school.school, "device")

    async def over(self) -> Head:
        await self.witness.over(LESSON, [DEVICE])
        return await self.exchange()


def papers_of(school: SmallSchool) -> Papers:
    identity = school.identity("teacher", "teacher-1")
    signed = signed_papers(school, identity)
    return Papers(signed, lambda: 0.0)


@asynccontextmanager
async def scene(path: Path) -> AsyncGenerator[Scene]:
    school, told, doubts = SmallSchool(), Told(), list[str]()
    guard = guard_in(path / "device", Hands())
    enrolment = Enrolment(DEVICE, school.school, school.identity("device", DEVICE), None)
    guard.witness.introduce(enrolment, lambda: NOW)
    async with opened(path / "teacher") as keeping:
        witness = Witness(keeping, told, papers_of(school), lambda: NOW, doubts.append)
        link = Listening()
        link_to(guard, link)
        made = Scene(keeping, guard, link, told, witness, doubts, school)
        answering = asyncio.ensure_future(guard.witness.run())  # noqa: TID251 - ended below
        yield made
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


async def test_a_disk_that_fails_between_our_head_and_theirs_holds_up_no_end_of_a_lesson(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: str) -> str:
        raise NotKept("disk I/O error")

    async with scene(tmp_path) as at:
        await at.keeping.remember(words(1))
        with monkeypatch.context() as disk:
            disk.setattr(at.keeping, "owed_by", fails)
            await at.witness.over(LESSON, [DEVICE])
        assert not at.told.messages
        await at.witness.take(
            DEVICE, Welcome(1, DEVICE, "boot", "agent", "test", bytes(32), bytes(16))
        )
        assert (await at.exchange()).newest.count == 0


async def test_each_end_keeps_the_others_newest_head(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.keeping.remember(words(1))
        await at.note(Noted("attention-locked", 0, {"version": 7, "lesson": LESSON}))
        head = await at.over()
        (theirs,) = read_heads(at.folder).teachers
        assert theirs.head.newest == (await at.keeping.own_marks())[0]
        assert (theirs.head.party, theirs.head.newest.count) == ("teacher-1", 1)
        kept = await at.keeping.head_of(DEVICE)
        assert kept is not None
        assert kept.head == head
        assert head.newest.count == verify(at.folder).entries == 1
        assert head.account is not None
        assert head.account.locks == (7,)
        assert (head.account.beside, head.account.until) == (at.keeping.origin, 1)
        assert await at.keeping.owed_by(DEVICE) == ""
        assert len(await at.keeping.waiting_heads(10)) == 2
        assert len(await at.guard.witness.waiting(0, 10)) == 2
        assert at.doubts == []


async def test_a_device_that_was_away_gives_its_head_at_the_next_link(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.keeping.remember(words(1))
        at.told.here = False
        await at.witness.over(LESSON, [DEVICE])
        assert await at.keeping.owed_by(DEVICE) == LESSON
        at.told.here = True
        welcome = Welcome(1, DEVICE, "boot", "agent", "test", bytes(32), bytes(16))
        await at.witness.take(DEVICE, welcome)
        assert (await at.exchange()).lesson == LESSON
        await at.witness.take(DEVICE, welcome)
        assert at.told.messages == []  # it owes nothing more


@pytest.mark.parametrize("harm", ["cut", "forked"])
async def test_a_devices_journal_that_is_not_what_it_signed_is_doubted_and_its_head_kept(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(tmp_path) as at:
        rows = [Noted("look-close", n, {"lesson": LESSON}) for n in range(4)]
        await at.note(*rows)
        before = await at.over()
        lines = at.folder.journal.read_bytes().splitlines(keepends=True)
        at.folder.journal.write_bytes(b"".join(lines[:2]))
        at.guard = guard_in(at.folder.root, Hands())
        at.guard.witness.introduce(
            Enrolment(DEVICE, at.school.school, at.school.identity("device", DEVICE), None),
            lambda: NOW + 60,
        )
        link_to(at.guard, at.link)
        if harm == "forked":
            await at.note(*(Noted("look-none", n, {"lesson": LESSON}) for n in range(9)))
        verdict = verify(at.folder, [before.newest])
        assert verdict.fault is not None
        assert verdict.fault.what == {"cut": "cut", "forked": "rewritten"}[harm]
        answering = asyncio.ensure_future(at.guard.witness.run())  # noqa: TID251 - ended below
        await at.over()
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        assert at.doubts == [DEVICE]
        assert "a journal is doubted" in caplog.text
        caplog.clear()
        kept = await at.keeping.head_of(DEVICE)
        assert kept is not None
        assert kept.head == before
        assert kept.refused is not None  # both go to the central side: the evidence
        assert len(await at.keeping.waiting_heads(10)) == 3


async def test_a_teachers_journal_that_was_written_anew_is_noted_by_the_device(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        for number in range(3):
            await at.keeping.remember(words(number))
        await at.over()
        anew = text("UPDATE journal SET hash = zeroblob(32) WHERE sequence = 3")
        await at.keeping.write(lambda c: c.execute(anew))
        fault = (await at.keeping.look_through()).fault
        assert fault is not None
        assert (fault.sequence, fault.what) == (3, "altered")
        await at.keeping.remember(words(4))
        await at.over()
        noted = at.folder.journal.read_text()
        assert '"kind":"head-refused"' in noted
        assert '"code":"forked-head"' in noted


async def test_a_cut_end_of_the_teachers_journal_is_found_by_what_was_signed(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        for number in range(3):
            await at.keeping.remember(words(number))
        await at.over()
        cut = text("DELETE FROM journal WHERE sequence > 1")
        await at.keeping.write(lambda c: c.execute(cut))
        verdict = await at.keeping.look_through()
        assert verdict.fault is not None
        assert (verdict.entries, verdict.fault.sequence, verdict.fault.what) == (1, 2, "cut")


async def test_an_older_head_that_comes_late_is_known_by_its_time_whatever_the_clocks_say(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at:
        heads, own = list[Head](), list[Head]()
        for clock in (NOW + 2 * 86_400, NOW, NOW):  # set right, and two in one second
            at.guard.witness.introduce(at.guard.witness._enrolment, lambda clock=clock: clock)  # pyright: ignore[reportPrivateUsage, reportArgumentType] - it has one
            at.witness._utc = lambda clock=clock: clock  # pyright: ignore[reportPrivateUsage]
            await at.keeping.remember(words(len(own) + 1))
            await at.note(Noted("look-close", 0, {"lesson": LESSON}))
            at.link.sent.clear()
            heads.append(await at.over())
            kept = await at.keeping.own_head()
            assert kept is not None
            own.append(kept.head)
        for first, second, third in (heads, own):
            assert first.issued_at < second.issued_at < third.issued_at
            assert (fault_of(third, first), fault_of(third, second)) == (None, None)


async def test_another_schools_head_is_neither_kept_nor_believed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        stranger = SmallSchool()
        identity = stranger.identity("device", DEVICE)
        told = Head(at.school.id, "device", DEVICE, DEVICE, Mark(), Mark(), "", NOW)
        signed = sign_head(told, identity)
        await at.witness.take(DEVICE, HeadTold(signed.head, signed.certificate))
        assert await at.keeping.head_of(DEVICE) is None
        asked = HeadAsked(signed.head, signed.certificate, LESSON)
        at.guard.told(at.link, asked)
        at.told.messages.append(asked)
        await at.exchange()  # it answers with its own all the same
        assert read_heads(at.folder).teachers == ()


async def test_an_account_is_bounded_and_still_fits_a_statement(tmp_path: Path) -> None:
    long = "x" * 64
    async with scene(tmp_path) as at:
        for n in range(60):
            await at.note(
                Noted("attention-locked", n, {"version": 2**53 - n, "lesson": long}),
                Noted("hand-out", n, {"handout": f"{n:036}", "lesson": long}),
                Noted("hand-in-offered", n, {"id": f"{n:036}", "files": 1, "lesson": long}),
            )
        await at.keeping.remember(words(1))
        await at.witness.over(LessonId(long), [DEVICE])
        head = await at.exchange()
        assert head.account is not None
        assert head.account.more
        assert head.account.handouts[-1] == f"{59:036}"
