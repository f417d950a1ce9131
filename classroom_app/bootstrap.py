"""The one place that joins the window to everything behind it, and closes all in stages."""

import asyncio
import gc
import logging
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec.structs import astuple, replace
from PySide6.QtCore import QLocale, QObject, QSize, QTimer, Slot
from PySide6.QtWidgets import QApplication

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.second_factor import FactorMade
from classroom_app import full_disk, looking_around
from classroom_app.acts import LessonActs
from classroom_app.beginning_anew import begun_anew
from classroom_app.browser import show_page
from classroom_app.closing import opened
from classroom_app.cloud.account import Account
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.errors import CloudError, NotSignedIn
from classroom_app.cloud.sync import SyncState
from classroom_app.control import Controls
from classroom_app.demo.facts import Facts
from classroom_app.demo.puppet import Puppet
from classroom_app.demo.verbs import Verbs
from classroom_app.domain.errors import (
    AuthorityLocked,
    LessonLeft,
    LessonWaits,
    NoLesson,
    NotKept,
    RoomError,
    SchoolSucceeded,
    StoreFull,
    StoreLocked,
)
from classroom_app.domain.founding import Founding
from classroom_app.domain.lesson import ClassId, DeviceId, Lesson
from classroom_app.domain.ready import Offered, ReadyDocument
from classroom_app.domain.tile import Tile
from classroom_app.found import Found
from classroom_app.full_disk import keep_room
from classroom_app.ids import new_id
from classroom_app.journal_page import JournalPage
from classroom_app.looking_around import LookingAround
from classroom_app.loop import run as run_loop
from classroom_app.own_school import (
    OwnSchool,
    found_school,
    note_left,
    restore_school,
    succeed_school,
)
from classroom_app.pairing import PairingWindow
from classroom_app.papers import Papers, SignedPapers
from classroom_app.pictures import Pictures
from classroom_app.presenters import receipts
from classroom_app.presenters.classes import ClassesPresenter
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.first_run import FirstRunPresenter, Known
from classroom_app.presenters.journal import JournalModel
from classroom_app.presenters.lasting import Lasting, lines
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.showing import ShowingPresenter
from classroom_app.presenters.standing import refused_acts
from classroom_app.presenters.summary import Summary
from classroom_app.presenters.wall import PACE_MS
from classroom_app.presenters.words import LANGUAGES, Translator, say, speak
from classroom_app.retaining import COLLECTED, STILLS
from classroom_app.saving import save_works
from classroom_app.school import School, boot_seconds
from classroom_app.services.declaring import LESSON_SECONDS_MAX
from classroom_app.services.presence import Ended
from classroom_app.showing import ScreenShows
from classroom_app.signing_in import bring_held, for_owner, papers_of, want_known, want_same
from classroom_app.standing import stands
from classroom_app.stopping import stoppable
from classroom_app.storage.authority import open_authority
from classroom_app.storage.keeping import Keeping
from classroom_app.storage.keys import WAITS, Held, choose_passphrase, system_ring
from classroom_app.succession import heir_to
from classroom_app.tasks import Tasks
from classroom_app.unlocking import unlocked
from classroom_app.views.fitting import show_fitted
from classroom_app.views.motion import Motion, system_asks_for_less
from classroom_app.views.sight import Sight
from classroom_app.views.theme import Theme, load_fonts
from classroom_app.views.window import DeskWindow
from classroom_app.work_folder import show_folder
from device_bridge.discovery.examine import examine
from device_bridge.discovery.sightings import NotAnAddress, typed
from device_bridge.garbage import collect_here
from device_bridge.logs import log_to_files, log_to_stderr
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.pairing import PairGiven, PairRequested
from device_bridge.protocol.pictures import Frame
from device_bridge.trust.identity import csr, new_key

log = logging.getLogger(__name__)
EXPECTED = (DeviceError, RoomError, CloudError, OSError, NotAnAddress)
AGE_MILLISECONDS = 500
JOURNAL_MS = 500
VERIFY_AFTER_SECONDS = 20.0
VERIFY_REST_SECONDS = 0.05
ROSTER_MS = 300
"""A class comes page by page: it is shown when for so long no more of it came."""
RENEW_SOON_SECONDS = 7 * 24 * 3600
FLUSH_SECONDS = 2.0
WINDOW = QSize(1366, 768)
DEMO_WINDOW = QSize(1920, 1080)


class Desk(QObject):
    """The running app: window and presenters always, a `School` while somebody is signed in."""

    def __init__(  # noqa: PLR0915 - joins one of each
        self,
        keeping: Keeping,
        home: Path,
        interfaces: list[str],
        theme: str,
        pace: float = 1.0,
    ) -> None:
        """`pace` multiplies the pauses between looks at network, school and disk."""
        super().__init__()
        self.keeping, self._home, self._interfaces = keeping, home, interfaces
        self._pace_of_looks = pace
        self.tasks = Tasks(EXPECTED)
        self.central = Cloud(renewed=self._renewed)
        self.cloud = Cloud()
        """Where one signs in: what is open goes on over `central` until it is known who came."""
        self._begun = "", new_key()
        """At which server, and with which key, somebody has begun to sign in."""
        self._account = Account(
            self.cloud, show_page, lambda: say("Go on in Pupitre. You may close this page.")
        )
        self.school: School | None = None
        self._own: OwnSchool | None = None
        self._pairing_task: asyncio.Task[None] | None = None
        self._school_task: asyncio.Task[None] | None = None
        self.closed = asyncio.Event()
        self._language = ""
        self._translator: Translator | None = None
        self.pictures = Pictures(self.tasks, lambda: self.school, self)
        self.wall = self.pictures.wall
        self.desk = DeskPresenter(
            self.wall,
            self,
            self.tasks,
            clock=time.monotonic,
            today=time.time,
            unfinished=self._unfinished,
            parent=self,
        )
        self.focus = self.pictures.focus_of(self.desk)
        self.focus.control.drives = Controls(self.tasks, lambda: self.school, self.desk.refused)
        self.first_run = FirstRunPresenter(
            self, self.tasks, self._check, keeping.language(), keeping.server(), self
        )
        self.first_run.language_chosen.connect(self.speak)
        self.around = LookingAround(
            self.desk,
            self.first_run,
            lambda: self.school,
            examine,
            interfaces,
            looking_around.LOOK_SECONDS * pace,
        )
        self.desk.sentence = keeping.sentence()
        self.desk.sentence_chosen.connect(keeping.choose_sentence)
        self.desk.seating.read = keeping.of_class
        self.desk.seating.chosen.connect(keeping.choose_of_class)
        self.wall.unchanged = keeping.unchanged()
        self.desk.unchanged_chosen.connect(keeping.choose_unchanged)
        self.classes = ClassesPresenter(self, self.tasks, self)
        self.classes.lasting = self._lasting
        self.classes.minutes = keeping.lesson_minutes() or self.classes.minutes
        self.classes.length_chosen.connect(keeping.choose_lesson_minutes)
        self.classes.passphrase.hold(keeping.key_held)
        self.journal = JournalModel()
        self._journal_page = JournalPage(keeping, self.journal)
        self.shows = ScreenShows(lambda: self.school, lambda: int(self.window.winId()))
        self.showing = ShowingPresenter(self.desk, self.shows, self.tasks, self)
        self.summary = Summary(self.desk)
        self.facts = Facts(
            desk=self.desk,
            focus=self.focus,
            classes=self.classes,
            keeping=keeping,
            home=home,
            school=lambda: self.school,
            clock=time.monotonic,
        )
        self.window = DeskWindow(
            self.desk,
            self.wall,
            self.focus,
            self.first_run,
            self.classes,
            self.journal,
            self.showing,
            Theme(theme),
            Motion(
                time.monotonic,
                less=keeping.less_motion(),
                system_less=system_asks_for_less,
                busy=lambda: self.school is not None and self.school.ways.carrying(),
            ),
        )
        self.window.closing.connect(self.closed.set)
        self.window.theme_chosen.connect(keeping.choose_theme)
        self.window.motion_chosen.connect(keeping.choose_less_motion)
        self.desk.page_changed.connect(self._on_page)
        self.desk.work_asked.connect(self._show_work)
        self.desk.standing_asked.connect(self._show_standing)
        self.desk.decided_seen.connect(self._seen_decided)
        self.desk.anew_asked.connect(self._sign_in_anew)
        self.desk.pictures_asked.connect(self._show_pictures)
        self._pace = QTimer(self, singleShot=True, interval=PACE_MS)
        self._pace.timeout.connect(self._show)
        self._writing = QTimer(self, singleShot=True, interval=JOURNAL_MS)
        self._writing.timeout.connect(self._read_journal)
        self._taking_up = asyncio.Lock()
        self._arriving = QTimer(self, singleShot=True, interval=ROSTER_MS)
        self._arriving.timeout.connect(self._take_roster)
        keeping.roster_changed = self._arriving.start
        self._ageing = QTimer(self, interval=AGE_MILLISECONDS)
        self._ageing.timeout.connect(self._show)
        self._ageing.start()

    # before a lesson (presenters.acts.Opens)

    async def begin(self) -> None:
        """Go on where the last run ended: mid-lesson, at the classes, or at the first page."""
        up_at = time.monotonic()
        self.tasks.start(self.around.run(), name="look-around", refused=self.desk.refused)
        seconds = full_disk.LOOK_SECONDS * self._pace_of_looks
        room = keep_room(self.keeping, self.desk.warn_full, seconds)
        self.tasks.start(room, name="room-here", refused=self.desk.refused)
        signed = await self._signed_papers()
        if self.keeping.key_held == "beside":
            self.desk.note_key_beside()
        self.tasks.start(self._verify(), name="verify-journal", refused=self.desk.refused)
        if signed is None:
            return
        if signed.server:
            self.central.resume(signed.server, signed.refresh)
        school = self._enter(Papers(signed, boot_seconds))
        school.found = Found(up_at)
        await self._show_classes()
        resumed = self._resumed if signed.server else self._resumed_by_own
        if await resumed(school):
            self._to_the_wall(self._signed_in())
            if self.keeping.full:
                self.desk.refused(StoreFull())

    async def _resumed_by_own(self, school: School) -> bool:
        """Do as `_resumed`, and renew the right of a teacher who is the school.

        First where it might end before the lesson does; else a lesson waits for no keyring.
        """
        papers = school.papers
        left = papers.grant_ends_at - max(time.time(), papers.floor())
        if left < LESSON_SECONDS_MAX:
            await self._renew_own(school)
            return await self._resumed(self._signed_in())
        under_way = await self._resumed(school)
        if not under_way:
            await self._renew_own(school)
        return under_way

    async def _resumed(self, school: School, *, asked: bool = True) -> bool:
        """Take up the lesson that was under way; where it cannot be, that is said, and all goes on.

        An end that was not written down is tried again.
        """
        try:
            return await school.resume(asked=asked)
        except (LessonLeft, LessonWaits) as error:
            self.desk.ended(refusal(error), goes_on=False)
        except NotKept as error:
            if self.desk.lesson and school.room.lesson is None:  # its wall would stand for nothing
                self.desk.ended(refusal(error), goes_on=False)
            self.desk.refused(error)
        return False

    async def _signed_papers(self) -> SignedPapers | None:
        signed = await self.keeping.papers()
        if signed is None or signed.certificate:
            return signed
        self.desk.refused(SchoolSucceeded())  # they are of before the school's new root
        self._ask_anew(signed)
        return None

    async def _renew_own(self, school: School) -> None:
        """Renew the right of a teacher who is the school; what is there goes on where that fails.

        A key that only a passphrase opens waits for one: a word is said while there is time.
        """
        try:
            await self._open_own()
        except (DeviceError, RoomError, OSError) as error:
            log.info("own right not renewed", extra={"why": type(error).__name__})
            if school.papers.grant_ends_at - time.time() < RENEW_SOON_SECONDS:
                self.desk.warn(say("Your right ends soon: type the passphrase at “Add devices”."))

    async def _verify(self) -> None:
        """Look once a start whether the journal is as it was written; nothing waits for it.

        Not at once: a lesson is begun then, and reads and writes by the same thread.
        """
        await asyncio.sleep(VERIFY_AFTER_SECONDS)
        if fault := await self.keeping.verify(VERIFY_REST_SECONDS):
            facts = {"sequence": fault.sequence, "what": fault.what}
            log.error("the journal is not as it was written", extra=facts)
            self.desk.warn(say("The journal was altered. Please tell your administrator."))

    async def sign_in(
        self, server: str, school: str, login: str, password: str, code: str = ""
    ) -> None:
        key = new_key()
        self._begun = server, key
        asked = self._request(key, login)
        with for_owner(await self.keeping.papers(), school) as owner:
            signed = await self.cloud.sign_in(server, school, login, password, asked, code, owner)
        await self._signed_in_by(server, key, signed, login)

    def _request(self, key: Ed25519PrivateKey, name: str) -> str:
        """Return what asks for a certificate; "" where the one that is here serves on."""
        good = self.school is not None and self.school.papers.still_good(time.time())
        return "" if good else csr(key, name)

    async def choose_factor(self) -> FactorMade:
        return await self.cloud.choose_factor()

    async def give_code(self, code: str) -> None:
        server, key = self._begun
        signed = await self.cloud.give_code(code, self._request(key, "pupitre teacher"))
        await self._signed_in_by(server, key, signed)

    async def account_at(self, server: str, school: str) -> str:
        return await self.cloud.account_at(server, school)

    async def sign_in_by_account(self, server: str, school: str) -> bool:
        key = new_key()
        self._begun = server, key
        with for_owner(await self.keeping.papers(), school) as owner:
            asked = self._request(key, school)
            signed = await self._account.sign_in(server, school, asked, owner)
        if signed is None:
            return False
        await self._signed_in_by(server, key, signed)
        return True

    def give_up_account(self) -> None:
        self._account.give_up()

    async def _signed_in_by(
        self, server: str, key: Ed25519PrivateKey, signed: SignedIn, login: str = ""
    ) -> None:
        held = await self.keeping.papers()
        want_same(held, signed)
        if self.school is not None and not signed.certificate:
            await want_known(self.cloud, self.school.papers)
            await self._go_on_at(server, signed, login)
            return
        await bring_held(self.cloud, held, signed)
        papers = heir_to(await papers_of(self.cloud, server, key, signed), held)
        papers = replace(papers, login=login)
        made = Papers(papers, boot_seconds)
        await self.keeping.keep_papers(papers)
        self.central.go_on_as(server, signed)
        lesson = self.desk.lesson or (self.school and self.school.presence.waits)
        joined = self._enter(made)
        if lesson:
            await self._take_up(joined, lesson)
        await joined.sync.once(files=False)
        await self._show_classes()

    async def _take_up(self, joined: School, lesson: Lesson) -> None:
        """Go on with a lesson; the school may bring its class back, which was taken from here.

        Where it cannot be asked, that does not end the lesson: it waits for the next try.
        """
        joined.presence.waits, asked = lesson, True
        try:
            if await self.keeping.roster(lesson.class_id) is None:
                await joined.sync.once(files=False)
        except (CloudError, NotKept) as error:
            log.info("class not asked for", extra={"why": type(error).__name__})
            asked = False
        await self._go_on_with_what_waits(joined, asked=asked)

    async def _go_on_with_what_waits(self, school: School, *, asked: bool) -> None:
        """Take up the lesson that waits, unless another was begun meanwhile."""
        async with self._taking_up:
            if school.presence.waits is None or school.room.lesson is not None:
                return
            if await self._resumed(school, asked=asked):
                self._to_the_wall(school)

    async def _go_on_at(self, server: str, signed: SignedIn, login: str) -> None:
        """Let all that is open go on by the tokens of a new sign-in."""
        school = self._signed_in()
        known = {"server": server, "login": login or school.papers.signed.login}
        await self.keeping.change_papers(refresh=signed.refresh, **known)
        school.papers.signed = replace(school.papers.signed, **known)
        self.central.go_on_as(server, signed)
        self.first_run.came_in()
        self.desk.go_home()
        school.sync.go_on()
        if lesson := school.presence.waits:
            await self._take_up(school, lesson)

    @Slot()
    def _sign_in_anew(self) -> None:
        self._ask_anew(self._signed_in().papers.signed)
        self.desk.go("anew")

    def _ask_anew(self, signed: SignedPapers) -> None:
        known = Known(signed.server, signed.school, signed.login, signed.teacher_name)
        self.first_run.begin_anew(known)

    async def found_school(self, asked: Founding) -> None:
        own, papers = await found_school(
            self.keeping, self._home, asked, time.time, new_id, ring=system_ring
        )
        self._own = own
        self._enter(Papers(papers, boot_seconds))
        await self._show_classes()

    async def add_devices(self, class_id: ClassId, passphrase: str = "") -> None:
        school = self._signed_in()
        self.desk.go("pairing")
        own = self._own or await self._open_own(passphrase)
        if self._pairing_task:
            self._pairing_task.cancel()

        async def give(asked: PairRequested, device_key: str) -> PairGiven:
            given = await own.give(asked, device_key, class_id)
            self.classes.show(await self.keeping.classes())  # the page stays: others wait there
            return given

        window = PairingWindow(
            school.papers.identity,
            give,
            self.classes.pairing.touch,
            now=time.monotonic,
            random_bytes=secrets.token_bytes,
            interfaces=self._interfaces or None,
        )
        work = window.run()
        self._pairing_task = self.tasks.start(work, name="pairing", refused=self.desk.refused)
        self.classes.pairing.show(window)

    async def _open_own(self, passphrase: str = "") -> OwnSchool:
        """Open the school's key and renew the teacher's right by it."""
        self._signed_in()
        authority = await asyncio.to_thread(
            open_authority, self._home, system_ring, WAITS, passphrase
        )
        self._own = own = OwnSchool(authority, self.keeping, time.time, new_id)
        if self.school:
            self.school.carrying.certifies = own
        await self._renew_by(own)
        return own

    async def _own_or_by(self, passphrase: str) -> OwnSchool:
        """Return the school's key; where no keyring opens it, one passphrase is for all of it."""
        try:
            return self._own or await self._open_own()
        except AuthorityLocked:
            return await self._open_own(passphrase)

    async def _renew_by(self, own: OwnSchool) -> None:
        """Renew the teacher's right; under a new root the teacher enters anew."""
        school = self._signed_in()
        if school.presence.under_way() is not None:  # its mandate names the grant
            return
        before = school.papers.signed
        renewed = await own.renew(before)
        if renewed.root == before.root:
            school.papers.renew(renewed)
        else:
            self._enter(Papers(renewed, boot_seconds))

    async def back_up(self, path: str, passphrase: str) -> None:
        own = await self._own_or_by(passphrase)
        await own.back_up(path, passphrase)

    async def restore_school(self, path: str, passphrase: str, teacher: str) -> None:
        backup = path, passphrase
        self._own, papers = await restore_school(
            self.keeping, self._home, backup, teacher, time.time, new_id, ring=system_ring
        )
        self._enter(Papers(papers, boot_seconds))
        await self._show_classes()

    async def succeed(self, safe: str, passphrase: str, next_safe: str) -> None:
        self._own = await succeed_school(
            await self._own_or_by(passphrase),
            self._home,
            (safe, passphrase, next_safe),
            self._signed_in().papers.signed,
            ring=system_ring,
        )
        await self._renew_by(self._own)

    async def release(self, device: DeviceId, path: str, passphrase: str) -> None:
        await (await self._own_or_by(passphrase)).release(device, path)

    async def note_left(self, path: str) -> str:
        school = self._signed_in().papers.school
        device = await note_left(self.keeping, school, path)
        await self._show_classes()
        return device

    async def choose_passphrase(self, before: str, passphrase: str) -> Held:
        return await asyncio.to_thread(choose_passphrase, self._home, before, passphrase)

    def _certify(self, device: str, key: Ed25519PublicKey) -> tuple[str, str]:
        if self._own is None:
            return "", ""
        return self._own.certify(device, key, self.classes.of_device(device))

    async def dial(self, address: str) -> None:
        """Try a device of the open class at a typed address; its certificate says which it is."""
        await self._signed_in().dial(typed(address))

    async def start_lesson(self, class_id: ClassId, seconds: int) -> None:
        school = self._signed_in()
        self.facts.lesson_begins()
        self.summary.close()  # also where no right lets it begin: the class is open then
        await school.begin(class_id, seconds)
        self._to_the_wall(school)

    # in a lesson (presenters.acts.Acts)

    async def lock(self, tiles: Sequence[Tile], sentence: str) -> None:
        self.facts.lock_asked()
        await self._acts().lock(tiles, sentence)

    async def free(self, tiles: Sequence[Tile]) -> None:
        await self._acts().free(tiles)

    async def hand_out(
        self, tiles: Sequence[Tile], paths: Sequence[Path], ready: Sequence[ReadyDocument] = ()
    ) -> None:
        await self._acts().hand_out(tiles, paths, ready)

    async def ready_for(self, class_id: ClassId) -> tuple[Offered, ...]:
        return await self._signed_in().ready.listed(class_id)

    async def keep_ready(self, class_id: ClassId, path: Path) -> None:
        await self._signed_in().ready.choose(class_id, path)

    async def take_out_ready(self, class_id: ClassId, document: str) -> None:
        await self._signed_in().ready.take_out(class_id, document)

    async def collect(self, tiles: Sequence[Tile]) -> None:
        await self._acts().collect(tiles)

    async def message(self, tiles: Sequence[Tile], text: str) -> None:
        await self._acts().message(tiles, text)

    async def answer_hand(self, tile: Tile) -> None:
        await self._acts().answer_hand(tile)

    async def seat(self, seats: Sequence[tuple[Tile, str]]) -> None:
        await self._acts().seat(seats)

    async def keep_picture(self, tile: Tile) -> None:
        await self._acts().keep_picture(tile, self.pictures.still)

    async def keep_pictures(self, tiles: Sequence[Tile]) -> None:
        await self._acts().keep_pictures(tiles, self.pictures.still)

    def stop_pictures(self) -> None:
        self._acts().stop_pictures()

    async def undo(self) -> None:
        await self._acts().undo()

    async def end(self) -> None:
        await self._acts().end()

    async def collect_then_end(self, tiles: Sequence[Tile]) -> None:
        await self._acts().collect_then_end(tiles)

    async def sync_now(self) -> None:
        await self._acts().sync_now()

    def stop_files(self) -> None:
        self._signed_in().sync.stop_files()

    def send_files(self) -> None:
        self._signed_in().sync.send_files()

    async def save_works(
        self, works: Sequence[str], folder: Path, goes_on: Callable[[int], bool]
    ) -> tuple[int, int]:
        return await save_works(self.keeping, works, folder, goes_on)

    async def go_on(self) -> None:
        school = self._signed_in()
        await school.go_on()
        self._to_the_wall(school)

    async def extend(self, seconds: int) -> None:
        school = self._signed_in()
        await school.extend(seconds)
        self.desk.moved(school.room.running())

    async def share(self, *, shared: bool) -> None:
        school = self._signed_in()
        await school.presence.share(shared=shared)
        self.desk.moved(school.room.running())

    # joining and leaving

    def _enter(self, papers: Papers) -> School:
        if self._school_task:
            self._school_task.cancel()
        self.school = School(
            self.keeping,
            papers,
            self.central,
            self._home,
            self._interfaces,
            pace=self._pace_of_looks,
            touched=self._on_touched,
            pictured=self._on_frame,
            look_ended=self.pictures.look_ended,
            drives=self.focus.control.said,
            refused=self.desk.refused,
            ended=self._on_ended,
            synced=self._on_sync,
            told=self.desk.told,
            written=self._on_written,
            certify=self._certify,
        )
        if self._own:
            self.school.carrying.certifies = self._own
        self.first_run.came_in()
        self.classes.own = not papers.signed.server
        self.classes.whose = papers.signed.teacher_name, papers.signed.school_name
        work = self.school.run()
        self._school_task = self.tasks.start(work, name="school", refused=self.desk.refused)
        return self.school

    def _to_the_wall(self, school: School) -> None:
        if school.room.lesson:
            self.summary.close()
            self.desk.begin(school.room.lesson)
        self._show()

    def _signed_in(self) -> School:
        if self.school is None:
            raise NotSignedIn
        return self.school

    def _acts(self) -> LessonActs:
        if self.school is None:
            raise NoLesson
        return self.school.acts

    async def close(self) -> None:
        """Stop taking orders, flush the journal, close sessions, close the store."""
        self._ageing.stop()
        self.keeping.will_close()
        self.window.setEnabled(False)
        if self.school:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self.school.sync.once()
            except (CloudError, NotKept, TimeoutError) as error:
                log.info("not in step at closing", extra={"why": type(error).__name__})
            except Exception:  # it must not keep the store from being closed and copied
                log.exception("not in step at closing")
        await self.tasks.close()
        self._arriving.stop()
        if self.school:
            self.school.close()
        await self.central.close()
        await self.cloud.close()
        self.pictures.close()
        self.shows.close()
        await self.keeping.close()

    @Slot(str)
    def speak(self, language: str) -> None:
        """Speak another language, now and from now on."""
        self._language = self.first_run.language = language
        self._translator = speak(language, self._translator)
        self.keeping.choose_language(language)
        self.window.retranslate()

    # what comes back

    def _on_touched(self, _: frozenset[str]) -> None:
        if not self._pace.isActive():
            self._pace.start()

    @Slot()
    def _show(self) -> None:
        school = self.school
        if school is None or school.room.lesson is None:
            if school and self.summary.open:
                self.summary.look(school.room.tiles())
            return
        tiles = school.room.tiles()
        self.desk.clock_set(school.room.lesson)
        self.facts.shown(school, tiles)
        self.wall.show(tiles)
        self.desk.accompanied(school.room.company())
        school.acts.tell_receipts()

    async def _on_frame(self, device: DeviceId, frame: Frame) -> bool:
        self.facts.framed(device)
        return await self.pictures.take(device, frame)

    def _on_ended(self, over: Ended) -> None:
        self.summary.ended(over, self.school.room.tiles() if self.school else ())
        self.tasks.start(self._show_classes(), name="classes", refused=self.desk.refused)

    def _lasting(self) -> Sequence[str]:
        if (school := self.school) is None:
            return ()
        reached = school.sync_state().why in {"", "no-server", "not-tried"}
        papers, devices = school.papers, school.ends.all()
        told = Lasting(reached, papers.grant_ends_at, papers.identity.ends_at, devices)
        return lines(told, time.time())

    @Slot()
    def _show_work(self) -> None:
        work = show_folder(self._home / COLLECTED)
        self.tasks.start(work, name="show-work", refused=self.desk.refused)

    @Slot()
    def _show_pictures(self) -> None:
        work = show_folder(self._home / STILLS)
        self.tasks.start(work, name="show-pictures", refused=self.desk.refused)

    def _on_sync(self, state: SyncState) -> None:
        self.desk.show_school(
            receipts.School(
                reached=not state.why,
                synced_at=state.in_step_at,
                waiting=state.waiting,
                refused=state.refused,
                doubts=state.doubts,
                restored=state.restored,
                none=state.why == "no-server",
                busy=state.busy,
                why=state.why,
                sending=receipts.Sending(*astuple(state.sending)),
                held=state.held,
                tried_at=state.tried_at,
                again_at=state.again_at,
            )
        )

    @Slot()
    def _show_standing(self) -> None:
        self.tasks.start(self._stands(), name="standing", refused=self.desk.refused)

    async def _stands(self) -> None:
        self.desk.show_standing(await stands(self.keeping))

    @Slot()
    def _seen_decided(self) -> None:
        seen = refused_acts(self.desk.standing)
        self.tasks.start(self._see(seen), name="seen", refused=self.desk.refused)

    async def _see(self, acts: Sequence[str]) -> None:
        await self.keeping.seen(acts)
        await self._stands()
        if self.school:
            self.school.sync.written()

    def _unfinished(self) -> int:
        return len(self.school.collecting.missing()) if self.school else 0

    async def _show_classes(self) -> None:
        self.classes.show(await self.keeping.classes())
        if self.desk.lesson is None:
            self.desk.go("classes")

    @Slot()
    def _take_roster(self) -> None:
        self.tasks.start(self._show_roster(), name="roster", refused=self.desk.refused)

    async def _show_roster(self) -> None:
        """Show what came of the classes where it is looked at; nobody is led to another page."""
        classes = await self.keeping.classes()
        if classes != self.classes.classes:
            self.classes.show(classes)
        if self.school and await self.school.refresh():
            self._show()
        if self.school and (lesson := self.school.presence.waits):
            here = await self.keeping.roster(lesson.class_id) is not None
            await self._go_on_with_what_waits(self.school, asked=here)

    @Slot(str)
    def _on_page(self, page: str) -> None:
        if page == "journal":
            self._read_journal()

    def _on_written(self) -> None:
        """Let what was just written be seen where the journal is looked at."""
        if self.desk.page == "journal" and not self._writing.isActive():
            self._writing.start()

    @Slot()
    def _read_journal(self) -> None:
        if self.school and (lesson := self.school.room.lesson):
            look = self._journal_page.look(lesson.id)
            self.tasks.start(look, name="journal", refused=self.desk.refused)

    def _renewed(self, signed: object) -> None:
        """Keep a refresh token at once: the old one is spent."""
        refresh = getattr(signed, "refresh", "")
        self.tasks.start(
            self.keeping.keep_refresh(refresh), name="keep-refresh", refused=self.desk.refused
        )

    def _check(self) -> None:
        self.around.wake()


async def live(
    home: Path,
    interfaces: list[str],
    puppet: Path | None,
    language: str,
    theme: str | None,
    pace: float,
) -> int:
    """Open the store, and be the app until its window is closed; see `run`."""
    try:
        keeping = await _opened(home, language, theme)
    except NotKept as error:
        log.warning("store not opened", extra={"why": type(error).__name__})
        if await begun_anew(error, home, language or _system_language(), theme or "light"):
            return await live(home, interfaces, puppet, language, theme, pace)
        return 1
    if keeping is None:
        return 0
    desk = Desk(keeping, home, interfaces, theme or keeping.theme(), pace)
    desk.speak(language or keeping.language() or _system_language())
    if puppet:
        strings = Puppet(desk.window, Verbs(desk.window, desk.facts).all())
        desk.tasks.start(strings.serve(puppet), name="puppet", refused=desk.desk.refused)
    sight = Sight(desk.window)
    sight.changed.connect(desk.window.come_in_sight)
    show_fitted(desk.window, DEMO_WINDOW if puppet else WINDOW)
    desk.tasks.start(collect_here(), name="garbage", refused=desk.desk.refused)
    try:
        await desk.begin()
        await desk.closed.wait()
    finally:
        await desk.close()
        desk.window.deleteLater()
    return 0


async def _opened(home: Path, language: str, theme: str | None) -> Keeping | None:
    spoken, look = language or _system_language(), theme or "light"
    try:
        return await opened(home, spoken, look)
    except StoreLocked:
        return await unlocked(home, spoken, look)


def _system_language() -> str:
    spoken = QLocale.system().name()[:2]
    return spoken if spoken in LANGUAGES else "en"


def run(
    home: Path,
    interfaces: list[str],
    puppet: Path | None,
    language: str | None,
    theme: str | None,
    pace: float = 1.0,
) -> int:
    """Open the window and stay until it is closed, or until a signal asks to end."""
    gc.disable()  # `collect_here` does it, before and after which no worker may
    log_to_stderr()
    log_to_files(home, "pupitre")
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Pupitre")
    app.setQuitOnLastWindowClosed(False)
    load_fonts(app)
    life = live(home, interfaces, puppet, language or "", theme, pace)
    with suppress(asyncio.CancelledError):
        return run_loop(app, stoppable(life))
    return 0
