"""What the MDM wants of this device: taken where it is newer, made so, proved, and reported.

A command is done once at most: its id is on the disk before it begins, and a guard that was killed
in the midst says so instead of doing it again. All of it is noted and told to the pupil.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from central_mdm.contract.names import HELD_MAX
from central_mdm.contract.wanted import (
    COMMANDS_MAX,
    Command,
    Declaration,
    End,
    Ended,
    Report,
    Reports,
    Urgent,
    Wanted,
)
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.enrolled import Enrolment
from device_bridge.agent.settings import REASON_MAX, Failed, Machine, Unsupported, prove
from device_bridge.protocol.errors import Broken, NotAllowed
from device_bridge.protocol.fields import NAME_MAX, SchoolAct
from device_bridge.protocol.plain import plain
from device_bridge.trust.floor import CONFIRMED_SECONDS
from device_bridge.trust.identity import write_private
from device_bridge.trust.wanted import read_urgent, read_wanted

log = logging.getLogger(__name__)
DONE_KEPT: Final = 200
"""The MDM has eight open orders of a device at most, and leaves out what was answered."""
RESTART_SECONDS: Final = 60.0
"""So long nothing else is begun, for a restart that has begun would cut it off."""
GRACE_SECONDS: Final = 300
"""A restart that was taken on in time may come a little later."""
AGAIN_SECONDS: Final = 30.0
"""So long the disk is left alone that did not take what became of something."""
CUT_OFF: Final = "the agent ended in the midst of it"
UNKNOWN: Final = "this agent does not know it"
LOST: Final = "lost"


class Due(Struct, frozen=True):
    """What the MDM signed at `issued_at` said first that the erasure `act` is due, by its clock.

    `boot_id`, `at_boot`: when that was heard here, where the own clock said that it is not.
    """

    act: str
    issued_at: int
    boot_id: str
    at_boot: float


class Restarting(Struct, frozen=True):
    """The restart `id` that the system has taken on in the boot `boot_id`, at its `at_boot`."""

    id: str
    boot_id: str
    at_boot: float


class WantedKept(Struct, frozen=True):
    """`wanted.json`. `version`: the highest taken, whoever brought it; `heard`: by the MDM itself.

    `begun`: the one command that is being done, and the boot in which it was begun. `told`: the
    reports that the MDM has. `due`: an erasure whose time has come by the MDM's clock alone.
    `epoch`: of the root that signed what is wanted. `restarting`: what else is begun, and ends with
    the boot.
    """

    version: int = 0
    heard: int = 0
    declarations: tuple[Declaration, ...] = ()
    commands: tuple[Command, ...] = ()
    begun: tuple[str, str] = ("", "")
    done: tuple[str, ...] = ()
    reports: tuple[Report, ...] = ()
    told: tuple[Report, ...] = ()
    ended: tuple[Ended, ...] = ()
    urgent: Urgent | None = None
    due: Due | None = None
    epoch: int = 0
    restarting: Restarting | None = None


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_kept: Final = msgspec.json.Decoder(WantedKept)


class Tells(Protocol):
    """Where the pupil is told; both return "" once it is on the screen."""

    async def show(self, id_: str, about: SchoolAct, text: str, who: str) -> str: ...
    async def show_lost(self, text: str) -> str: ...


class WantedHere:
    """Holds what is wanted. `utc`: seconds since 1970; `note` writes the device's journal."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a device is joined from
        self,
        folder: Folder,
        enrolment: Enrolment,
        machine: Machine,
        tells: Tells,
        utc: Callable[[], float],
        clock: Clock,
        note: Callable[[str, dict[str, str | int], str], None],
    ) -> None:
        """Take up what is kept. Blocks for one small file."""
        self._folder, self._enrolment, self._machine = folder, enrolment, machine
        self._tells, self._utc, self._clock, self._note = tells, utc, clock, note
        self._kept = _read(folder)
        self._reviewing, self._writing = asyncio.Lock(), asyncio.Lock()
        self._news = asyncio.Event()
        self._news.set()  # a restart begins with a look at all

    def take_up(self, enrolment: Enrolment) -> None:
        """Go on as who this device is under the school's new root; what the old signed is over."""
        self._enrolment = enrolment

    @property
    def _held(self) -> WantedKept:
        return _under(self._kept, self._enrolment.epoch)

    @property
    def heard(self) -> int:
        """Which version the MDM itself has told; one less while an erasure waits for its time.

        It may be cancelled until then, so each check-in asks anew.
        """
        waits = self._held.urgent is not None and bool(self._held.urgent.wipe)
        return min(max(0, self._held.heard - waits), HELD_MAX)

    @property
    def version(self) -> int:
        """Which version is held, whoever brought it; as far as it can be told."""
        return min(self._held.version, HELD_MAX)

    @property
    def wipe(self) -> str:
        """The act by which this device is to be erased now; "": none.

        The MDM has signed it after its time, over our own connection, and a clock here agrees; or
        else it has gone on to say so for hours, for whoever has taken a device sets its clock back.
        """
        urgent, due = self._held.urgent, self._held.due
        if urgent is None or not _is_due(urgent):
            return ""
        return urgent.wipe if due is None or self._goes_on(due, urgent) else ""

    def along(self, token: str) -> Wanted:
        """Return what anybody brought, for what came along with it. Raises NotAllowed.

        Of an older version as well: whoever takes certificate or assignment looks which is later.
        """
        return read_wanted(token, self._enrolment.school, self._enrolment.device)

    async def carried(self, token: str) -> bool:
        """Take what anybody brought; False for what is not newer. Raises NotAllowed or OSError.

        `Urgent` is of another type and so is refused here.
        """
        async with self._writing:
            try:
                taken = await asyncio.to_thread(self._take, token)
            except OSError:
                self._news.set()
                raise
        if taken:
            self._news.set()
        return taken

    async def heard_from_mdm(self, wanted: str, urgent: str) -> None:
        """Take what our own check-in brought, and do it. Raises NotAllowed for what is refused.

        Each is judged by itself: an MDM whose declarations are no use here still erases. Raises
        OSError where the disk does not take it: what needs none is done all the same.
        """
        refused: list[NotAllowed | OSError] = []
        async with self._writing:
            for take, token in ((self._take, wanted), (self._take_urgent, urgent)):
                try:
                    if token:
                        await asyncio.to_thread(take, token)
                except (NotAllowed, OSError) as error:
                    refused.append(error)
        await self.review()
        if refused:
            raise refused[0]

    def owed(self) -> Reports | None:
        """Return what the MDM is to be told; None: it knows all."""
        reports = tuple(one for one in self._held.reports if one not in self._held.told)
        ended = self._held.ended[: 2 * COMMANDS_MAX]
        return Reports(reports, ended) if reports or ended else None

    async def told(self, said: Reports) -> None:
        """Note that the MDM has taken it."""
        about = {one.feature for one in said.reports}

        def noted(held: WantedKept) -> WantedKept:
            told = (one for one in held.told if one.feature not in about)
            rest = tuple(one for one in held.ended if one not in said.ended)
            return replace(held, ended=rest, told=(*told, *said.reports))

        await self._keep(noted)

    async def tell_anew(self) -> None:
        """Let the MDM be told all reports again; nothing is written for that."""
        async with self._writing:
            self._kept = replace(self._held, told=())

    async def run(self) -> None:
        """Do at once what was carried here, until cancelled; a full disk only puts it off."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.review()
            except OSError as error:
                log.info("what is wanted waits", extra={"why": type(error).__name__})
                await asyncio.sleep(AGAIN_SECONDS)
                self._news.set()

    async def review(self) -> None:
        """Look whether all is as declared, mend what is not, and do what is still to be done."""
        async with self._reviewing:
            await self._show_lost()  # first, for a full disk stops whatever is written
            await self._take_up_begun()
            await self._prove_all()
            for command in self._held.commands:
                # Not what was taken back meanwhile.
                if command in self._held.commands and not self._waits(command):
                    await self._do(command)

    # Taking

    def _take(self, token: str) -> bool:
        enrolled = self._enrolment
        told = read_wanted(token, enrolled.school, enrolled.device)
        held = _under(self._kept, enrolled.epoch)
        if told.version <= held.version:
            return False
        new = tuple(one for one in told.commands if one.id not in held.done)
        new = (*(one for one in _begun(held) if one not in new), *new)
        self._take_in(
            replace(
                held,
                version=told.version,
                declarations=told.declarations,
                commands=new,
                told=(),  # an MDM that was restored from a copy has not what we told it since
            )
        )
        return True

    def _take_urgent(self, token: str) -> None:
        enrolled = self._enrolment
        told = read_urgent(token, enrolled.school, enrolled.device)
        held = _under(self._kept, enrolled.epoch)
        # Of one version what was signed earlier as well: the MDM's clock may have been set right.
        if held.urgent and told.version < held.urgent.version:
            raise NotAllowed("urgent", "older")
        # What is wanted beside it may have been refused: then it is asked for again.
        heard = told.version if told.version <= held.version else held.heard
        due = self._still_due(told, held.due)
        self._take_in(replace(held, urgent=told, heard=heard, due=due))

    def _still_due(self, told: Urgent, due: Due | None) -> Due | None:
        """Return since when it is due by the MDM's clock alone; None: it is not, or not alone.

        Also while a server that has just begun, and does not trust its clock yet, says later.
        """
        if told.wipe_at <= self._clock.wall():
            return None
        if due and due.act == told.wipe and due.issued_at <= told.issued_at:
            return due
        if not _is_due(told):
            return None
        log.info("an erasure is due by the MDM's clock alone")
        return Due(told.wipe, told.issued_at, self._clock.boot_id, self._clock.boot())

    def _goes_on(self, due: Due, told: Urgent) -> bool:
        """Tell whether the MDM's clock has gone on for hours since, and the one here that can tell.

        While the device is off, that is none: so it is enough that the MDM said it on another day.
        """
        same_boot = due.boot_id and due.boot_id == self._clock.boot_id
        if same_boot and self._clock.boot() - due.at_boot < CONFIRMED_SECONDS:
            return False
        return told.issued_at - due.issued_at >= CONFIRMED_SECONDS

    # Declarations

    async def _prove_all(self) -> None:
        before = {one.feature: one for one in self._held.reports}
        reports = [
            await asyncio.to_thread(
                prove, self._machine.settings, declared, before.get(declared.feature)
            )
            for declared in self._held.declarations
        ]
        if LOST in before:
            reports.append(before[LOST])
        changed = [one for one in reports if before.get(one.feature) != one]
        gone = before.keys() - {one.feature for one in reports}
        if not (changed or gone):
            return
        for one in changed:
            facts: dict[str, str | int] = {"feature": one.feature, "version": one.version}
            self._note(f"setting-{one.state}", facts, one.reason)
        await self._keep(lambda held: replace(held, reports=tuple(reports)))
        new = [one for one in changed if _is_set(one, before.get(one.feature))]
        if new:
            names = ", ".join(one.feature.replace("_", " ") for one in new)
            # On the pupil's page, and not over what the pupil is at: nothing needs doing.
            self._note("settings", {"features": names}, self._school)

    # Missing

    async def _show_lost(self) -> None:
        urgent = self._held.urgent
        shown = next((one for one in self._held.reports if one.feature == LOST), None)
        if urgent is None or not (urgent.lost or shown):
            return
        if not urgent.lost and shown and shown.reason == "over":
            return
        why = plain(await self._tells.show_lost(urgent.lost), REASON_MAX)
        state, reason = ("failed", why) if why else ("applied", "shown" if urgent.lost else "over")
        report = Report(LOST, urgent.version, state, reason)
        if shown is None or (shown.state, shown.reason) != (state, reason):
            self._note(f"lost-{state}", {"version": urgent.version}, urgent.lost)
            rest = tuple(one for one in self._held.reports if one.feature != LOST)
            await self._keep(lambda held: replace(held, reports=(*rest, report)))

    # Commands

    async def _take_up_begun(self) -> None:
        """End what a guard that was killed had begun: it is not done again."""
        id_, boot = self._held.begun
        command = next((one for one in self._held.commands if one.id == id_), None)
        if command is not None and command.kind == "restart":  # an agent of before kept it there
            began = Restarting(id_, boot, self._clock.boot())
            await self._keep(lambda held: replace(held, begun=("", ""), restarting=began))
        elif id_:
            await self._end(id_, "failed", CUT_OFF)
        if (restarting := self._held.restarting) is not None:
            await self._take_up_restart(restarting)

    async def _take_up_restart(self, begun: Restarting) -> None:
        command = next((one for one in self._held.commands if one.id == begun.id), None)
        if command is None:
            await self._end(begun.id, "failed", CUT_OFF)
        elif begun.boot_id != self._clock.boot_id:
            await self._end(begun.id, "done", "started anew")
        elif command.ends_at + GRACE_SECONDS <= self._utc():
            await self._end(begun.id, "failed", "it did not start anew")

    def _waits(self, command: Command) -> bool:
        """Tell whether it is under way, would be cut off by a restart, or could not be read now.

        The page of a missing device covers all words. What ends before it is found ends unread, and
        is told so.
        """
        if (restarting := self._held.restarting) is not None:
            soon = self._clock.boot() - restarting.at_boot < RESTART_SECONDS
            if soon or command.kind == "restart":
                return True
        urgent = self._held.urgent
        missing = urgent is not None and bool(urgent.lost)
        return missing and command.kind == "message" and command.ends_at > self._utc()

    async def _do(self, command: Command) -> None:
        if command.ends_at <= self._utc():
            await self._end(command.id, "expired", "")
            return
        id_, boot, restarts = command.id, self._clock.boot_id, command.kind == "restart"
        restarting = Restarting(id_, boot, self._clock.boot()) if restarts else None
        begun = ("", "") if restarts else (id_, boot)
        await self._keep(
            lambda held: replace(held, begun=begun, restarting=restarting or held.restarting)
        )
        self._note(f"order-{command.kind}", {"id": command.id}, command.body)
        try:
            reason = await self._done(command)
        except Unsupported as error:
            await self._end(command.id, "unsupported", str(error))
        except (Failed, OSError) as error:
            await self._end(command.id, "failed", str(error))
        else:
            if command.kind != "restart":  # the next boot is what proves it
                await self._end(command.id, "done", reason)

    async def _done(self, command: Command) -> str:
        """Do it; return what was seen of it. Raises Unsupported or Failed."""
        match command.kind:
            case "message":
                if why := await self._show(command.id, "message", command.body):
                    raise Failed(why)
                return "shown"
            case "ring":
                why = await self._show(command.id, "ring", "")
                await asyncio.to_thread(self._machine.ring)
                return "rang" if why else "rang and shown"
            case "restart":
                await self._show(command.id, "restart", "")
                await asyncio.to_thread(self._machine.restart)
                return ""
            case _:
                raise Unsupported(UNKNOWN)

    async def _end(self, id_: str, state: End, told: str) -> None:
        reason = plain(told, REASON_MAX)  # the pupil's own process says why nothing is shown
        self._note(f"order-{state}", {"id": id_}, reason)

        def over(held: WantedKept) -> WantedKept:
            return replace(
                held,
                begun=("", "") if held.begun[0] == id_ else held.begun,
                restarting=held.restarting if _restarting(held) != id_ else None,
                commands=tuple(one for one in held.commands if one.id != id_),
                done=(*held.done, id_)[-DONE_KEPT:],
                ended=(*held.ended, Ended(id_, state, reason)),
            )

        await self._keep(over)

    async def say_wipe(self) -> None:
        """Tell the pupil and the journal that this device is erased now."""
        self._note("wipe", {"id": self.wipe}, "")
        await self._show("wipe", "wipe", "")

    async def _show(self, id_: str, about: SchoolAct, text: str) -> str:
        return await self._tells.show(id_[:64], about, text, self._school)

    @property
    def _school(self) -> str:
        """The school as its pupils know it; by its id where the name was never told."""
        return plain(self._enrolment.school_name, NAME_MAX) or self._enrolment.school.id

    async def _keep(self, changed: Callable[[WantedKept], WantedKept]) -> None:
        """Keep what becomes of what is held, which others change as well. Raises OSError."""
        async with self._writing:
            await asyncio.to_thread(self._write, changed(self._held))

    def _take_in(self, held: WantedKept) -> None:
        """Hold what the MDM wants now whatever the disk does: the next start asks for it anew.

        No order is done by it, which is on the disk before it begins. Raises OSError as `_write`.
        """
        self._kept = held
        self._write(held)

    def _write(self, held: WantedKept) -> None:
        """Durable before anything follows from it. Raises OSError: then nothing does."""
        write_private(self._folder.wanted, msgspec.json.encode(held))
        self._kept = held


def _under(held: WantedKept, epoch: int) -> WantedKept:
    """Return what holds under the root of `epoch`: of another's what was done, and is being done.

    Whoever stole that root's key may have signed any version, and none of the school's is higher.
    """
    if held.epoch == epoch:
        return held
    return WantedKept(
        commands=_begun(held),
        begun=held.begun,
        restarting=held.restarting,
        done=held.done,
        reports=held.reports,
        ended=held.ended,
        epoch=epoch,
    )


def _begun(held: WantedKept) -> tuple[Command, ...]:
    return tuple(one for one in held.commands if one.id in {held.begun[0], _restarting(held)})


def _restarting(held: WantedKept) -> str:
    return "" if held.restarting is None else held.restarting.id


def _is_due(told: Urgent) -> bool:
    return bool(told.wipe) and told.issued_at >= told.wipe_at > 0


def _is_set(now: Report, before: Report | None) -> bool:
    """Whether the pupil's device was changed by this, so that its pupil is told."""
    return now.state == "applied" and (before is None or before.version != now.version)


def _read(folder: Folder) -> WantedKept:
    try:
        raw = read_kept(folder.wanted)
        if raw is None:
            return WantedKept()
        with suppress(msgspec.ValidationError):
            return _kept.decode(raw)
        # An agent of before kept zero bytes of its seat's, which no report may have.
        return _kept.decode(raw.replace(rb"\u0000", b" "))
    except (ValueError, RecursionError, Broken):
        log.warning("wanted.json is spoilt", extra={"file": folder.wanted.name})
        return WantedKept()
