"""What this device tells the MDM by teachers' apps, while it does not meet the MDM itself.

One bundle at a time, on the disk with all that was told in it: given to each app that comes, until
the MDM's own word is brought back that it arrived. What changed meanwhile makes a newer one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn, Protocol, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from central_mdm.contract.carried import CARRIED_HEADS_MAX, SEALED_BYTES_MAX, Sealing, Told
from central_mdm.contract.fleet import Inventory
from central_mdm.contract.heads import SignedHead
from central_mdm.contract.wanted import Reports
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.enrolled import Enrolment, keep_assignment
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.inventory import hash_of_inventory
from device_bridge.agent.guard.ports import Link
from device_bridge.agent.guard.wanted import WantedHere
from device_bridge.protocol.carrying import Brought, BundleGiven
from device_bridge.protocol.errors import Broken, NotAllowed
from device_bridge.trust.identity import write_private
from device_bridge.trust.sealing import (
    box_key,
    read_arrived,
    read_sealing,
    seal_told,
    unseal_wanted,
)

log = logging.getLogger(__name__)
WAITING_MAX: Final = 8
"""Apps that wait to be answered; more than links can be."""
HEADS_SECONDS: Final = 24 * 3600
"""So often a bundle is made for the journal's head alone, which changes with each entry."""
TOLD_BYTES_MAX: Final = 24_000
"""Of a `Told` as JSON: signed and sealed, which makes four bytes of three, it may be carried."""
REPORTS_A_BUNDLE: Final = 8
"""Of each kind; the rest follows."""
REPORTS_BYTES_MAX: Final = 4500
"""Of both kinds: with the longest inventory and request there is room for a journal's head."""
Part = TypeVar("Part", bound=Struct)
Fact = tuple[int, str]
"""The version held, and the hash of the inventory."""
NOTHING: Final[Fact] = (0, "")


class CarriedKept(Struct, frozen=True):
    """`carried.json`. `sealed`: the bundle that is given, b"" for none, with what it says.

    `sealing`: whom it is sealed for. `arrived`: what the MDM holds, the newest head of this
    device's journal with `head_count` entries. `heads` are in the bundle, as of `made_at`. `csr`:
    the request in it, `asked`: the one that the MDM holds. `issued_at`: as the bundle says.
    """

    counter: int = 0
    sealed: bytes = b""
    digest: str = ""
    sealing: str = ""
    fact: Fact = NOTHING
    reports: Reports = Reports()
    arrived: Fact = NOTHING
    heads: tuple[SignedHead, ...] = ()
    head_count: int = 0
    made_at: int = 0
    csr: str = ""
    asked: str = ""
    issued_at: int = 0


class TellsHeads(Protocol):
    """The second witness: how far this device's own journal goes."""

    async def waiting(self, central_count: int, limit: int) -> Sequence[SignedHead]: ...

    async def answered(self, heads: Sequence[SignedHead]) -> None: ...


class Renews(Protocol):
    """See `renewing`."""

    @property
    def ends_at(self) -> float: ...

    def request(self) -> str: ...

    async def take_carried(self, certificate: str) -> None: ...


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_kept: Final = msgspec.json.Decoder(CarriedKept)


class CarryingHere:
    """`met`: whether the MDM is met without anybody's help. `inventory` blocks, shortly.

    `ground` hears when the school signed something: `utc` may rise by it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a device is joined from
        self,
        folder: Folder,
        enrolment: Enrolment,
        wanted: WantedHere,
        witness: TellsHeads,
        renewing: Renews,
        inventory: Callable[[], Inventory],
        utc: Callable[[], float],
        met: Callable[[], bool],
        ground: GroundHere,
        note: Callable[[str, dict[str, str | int], str], None],
    ) -> None:
        """Take up what is kept. Blocks for one small file."""
        self._folder, self._enrolment, self._wanted = folder, enrolment, wanted
        self._witness, self._renewing = witness, renewing
        self._inventory, self._utc, self._met, self._note = inventory, utc, met, note
        self._ground = ground
        self._held = read_carried(folder)
        self._waiting = deque[tuple[Link, Brought]](maxlen=WAITING_MAX)
        self._given = deque[tuple[Link, str]](maxlen=WAITING_MAX)
        self._came = asyncio.Event()

    def take_up(self, enrolment: Enrolment) -> None:
        """Go on as who this device is under the school's new root."""
        self._enrolment = enrolment

    def brought(self, link: Link, message: Brought) -> None:
        """Take what an app has brought, as soon as `run` comes to it."""
        self._waiting.append((link, message))
        self._came.set()

    async def run(self) -> NoReturn:
        """Take what is brought and give what is to be carried, until cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            while self._waiting:
                link, message = self._waiting.popleft()
                try:
                    await self.take(link, message)
                except OSError as error:
                    log.info("carried not kept", extra={"why": type(error).__name__})

    async def take(self, link: Link, message: Brought) -> None:
        """Take one app's, each part by itself. Raises OSError.

        What was written for the key or the root of before is refused, here and by each app, until
        the MDM has heard from this device: it is given a bundle all the same.
        """
        sealing = self._sealing(message.sealing) if message.sealing else None
        if message.arrived:
            with _judged("arrived"):
                await self._arrived(message.arrived)
        if message.wanted:
            with _judged("wanted"):
                await self._wanted_here(link, message.wanted)
        if sealing is not None and not self._met():
            with _judged("sealing"):
                await self._give(link, sealing)

    def _sealing(self, token: str) -> Sealing | None:
        """Read by which key the MDM is written to; None for a token that is refused."""
        try:
            sealing = read_sealing(token, self._enrolment.school)
        except NotAllowed as error:
            log.info("carried refused", extra={"part": "sealing", "why": error.why})
            return None
        self._ground.signed_at(sealing.issued_at)
        return sealing

    async def _wanted_here(self, link: Link, sealed: bytes) -> None:
        enrolled = self._enrolment
        key = enrolled.identity.key
        token = unseal_wanted(sealed, key, enrolled.school, enrolled.device)
        along = self._wanted.along(token)
        if along.certificate:
            await self._renewing.take_carried(along.certificate)
        if along.assignment:
            with _judged("assignment"):
                keep_assignment(self._folder, self._enrolment, self._ground, along.assignment)
        if await self._wanted.carried(token):
            facts: dict[str, str | int] = {"version": self._wanted.version}
            self._note("carried-here", facts, link.teacher_name)
            await self._wanted.review()

    async def _arrived(self, token: str) -> None:
        told = read_arrived(token, self._enrolment.school, self._enrolment.device)
        held = self._held
        if held.sealed and told.digest == held.digest:
            now = replace(held, sealed=b"", reports=Reports(), heads=(), arrived=held.fact)
            now = replace(now, head_count=told.head_count, asked=held.csr)
            await asyncio.to_thread(self._write, now)
            await self._wanted.told(held.reports)
            await self._witness.answered(held.heads)
        elif told.counter >= held.counter and told.digest != held.digest:
            # This device has counted on from an older state: it goes above what is held there.
            now = replace(
                held, counter=told.counter, sealed=b"", digest="", arrived=NOTHING, asked=""
            )
            await asyncio.to_thread(self._write, now)

    async def _give(self, link: Link, sealing: Sealing) -> None:
        inventory = await asyncio.to_thread(self._inventory)
        fact = self._wanted.version, hash_of_inventory(inventory)
        reports = _some(self._wanted.owed())
        held = self._held
        csr = self._renewing.request()
        old = abs(self._utc() - held.made_at) >= HEADS_SECONDS  # a clock is set back as well
        asks = csr not in {"", held.asked}
        if reports == Reports() and fact == held.arrived and not (old or asks):
            return
        says = (fact, reports, sealing.key, csr)
        fits = 0 < len(held.sealed) <= SEALED_BYTES_MAX  # agents of before made larger ones
        if not fits or old or says != (held.fact, held.reports, held.sealing, held.csr):
            held = await self._sealed(inventory, fact, reports, sealing, csr)
        if any(one is link and digest == held.digest for one, digest in self._given):
            return
        self._given.append((link, held.digest))
        link.send(BundleGiven(held.sealed))
        self._note("carried-away", {"counter": held.counter}, link.teacher_name)

    async def _sealed(
        self, inventory: Inventory, fact: Fact, reports: Reports, sealing: Sealing, csr: str
    ) -> CarriedKept:
        """Make the next bundle; it is on the disk before anybody has it."""
        enrolled, held = self._enrolment, self._held
        key, counter = enrolled.identity.key, held.counter + 1
        version, inventory_hash = fact
        now = int(self._utc())
        issued_at = max(now, held.issued_at)  # whatever this clock says now
        told = Told(
            device=enrolled.device,
            school=enrolled.school.id,
            counter=counter,
            issued_at=issued_at,
            wanted=version,
            box=box_key(key).public_key().public_bytes_raw().hex(),
            inventory_hash=inventory_hash,
            inventory=inventory,
            reports=reports,
            csr=csr,
            certificate_ends_at=int(self._renewing.ends_at),
        )
        found = await self._heads(held.head_count)
        heads = _first(found, TOLD_BYTES_MAX - len(msgspec.json.encode(told)))
        told = replace(told, heads=heads)
        owed = self._wanted.owed() or Reports()
        left = len(owed.reports) - len(reports.reports) + len(owed.ended) - len(reports.ended)
        if left > 0 or len(heads) < len(found):
            later = {"reports": left, "heads": len(found) - len(heads)}
            log.info("told in parts", extra={"counter": counter, **later})
        sealed, digest = seal_told(told, key, sealing.key)
        made = CarriedKept(
            counter,
            sealed,
            digest,
            sealing.key,
            fact,
            reports,
            held.arrived,
            heads,
            held.head_count,
            now,
            csr,
            held.asked,
            issued_at,
        )
        await asyncio.to_thread(self._write, made)
        return made

    async def _heads(self, head_count: int) -> tuple[SignedHead, ...]:
        try:
            return tuple(await self._witness.waiting(head_count, CARRIED_HEADS_MAX))
        except (Broken, OSError) as error:
            # A spoilt journal tells nothing; what else there is to tell goes all the same.
            log.info("no head carried", extra={"why": type(error).__name__})
            return ()

    def _write(self, held: CarriedKept) -> None:
        write_private(self._folder.carried, msgspec.json.encode(held))
        self._held = held


@contextmanager
def _judged(part: str) -> Generator[None]:
    """Let a part that is refused be none."""
    try:
        yield
    except NotAllowed as error:
        log.info("carried refused", extra={"part": part, "why": error.why})


def _some(owed: Reports | None) -> Reports:
    """Return what fits into a bundle of what the MDM is to be told."""
    owed = owed or Reports()
    reports = _first(owed.reports[:REPORTS_A_BUNDLE], REPORTS_BYTES_MAX)
    room = REPORTS_BYTES_MAX - len(msgspec.json.encode(reports))
    ended = _first(owed.ended[:REPORTS_A_BUNDLE], room)
    return Reports(reports, ended)


def _first(each: Iterable[Part], room: int) -> tuple[Part, ...]:
    """Return as many of the first as have room, in bytes of JSON."""
    kept: list[Part] = []
    for one in each:
        room -= len(msgspec.json.encode(one)) + 1  # a comma
        if room < 0:
            break
        kept.append(one)
    return tuple(kept)


def read_carried(folder: Folder) -> CarriedKept:
    """Read what is kept; nothing where it is missing or spoilt. Blocks."""
    try:
        raw = read_kept(folder.carried)
        return CarriedKept() if raw is None else _kept.decode(raw)
    except (ValueError, RecursionError, Broken):
        log.warning("carried.json is spoilt", extra={"file": folder.carried.name})
        return CarriedKept()
