"""The central MDM as a device meets it: enrolment once, then a check-in now and then.

Nothing in class waits for any of this: an MDM that is gone, slow or talks nonsense changes
nothing but how long this module pauses.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

import httpx
import msgspec
from msgspec.structs import replace

from central_mdm.contract.fleet import (
    HEADS_A_CHECK_IN_MAX,
    CheckedIn,
    CheckIn,
    Enrol,
    Enrolled,
    EnrolmentCode,
    Inventory,
    Policy,
)
from central_mdm.contract.heads import SignedHead
from central_mdm.contract.leaving import Left, SignedReceipt
from central_mdm.contract.wanted import Reports, Taken
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.central import (
    FIRST_MAX_SECONDS,
    SOONEST_SECONDS,
    Client,
    FleetKept,
    Who,
    ask,
    ask_as,
    web_client,
)
from device_bridge.agent.guard.enrolled import (
    Enrolment,
    SchoolKept,
    check_given,
    keep_assignment,
    keep_given,
    own_key,
    read_school,
    write_school,
)
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.inventory import hash_of_inventory
from device_bridge.agent.guard.leaving import Leaving, begin
from device_bridge.agent.guard.renewing import Renewing
from device_bridge.agent.guard.succession import pin_standby
from device_bridge.agent.guard.wanted import WantedHere
from device_bridge.agent.guard.wiping import begin_wipe
from device_bridge.agent.guard.witness import Witness
from device_bridge.protocol.errors import Broken, DeviceError, NotAllowed, NotPaired, TryAgain
from device_bridge.trust.identity import csr, write_private
from device_bridge.trust.revocation import DenyLists

log = logging.getLogger(__name__)

NO_ADDRESS: Final = "not a server's address; it looks like https://school.example:8000"
BAD_CODE: Final = "bad-code"
OTHER_PLACE: Final = "other-place"
LATEST_SECONDS: Final = 24 * 3600.0
TOLD_ANEW: Final = 1 / 7
"""Of the new passes, which come once a day: by each the whole region would tell all on a Monday."""
AWAY_SECONDS: Final = 3600.0
"""Who has not met the MDM for so long tells it by teachers' apps."""


async def enrol(
    folder: Folder, server: str, code: str, inventory: Inventory, client: Client = web_client
) -> str:
    """Enrol this device by a code; return its id. The key is made here and never leaves.

    Asked again after a lost answer, it shows the same key and spends no second use of the code.
    Raises NotPaired (bad code), TryAgain (no answer), Broken (an answer that is none).
    """
    server = server.rstrip("/")
    _check_address(server)
    key = own_key(folder)
    asked = Enrol(_code(code), csr(key, "pupitre device"), inventory)
    async with client() as http:
        enrolled = await ask(http, f"{server}/api/enrolments", asked, Enrolled)
    given = SchoolKept(
        enrolled.school,
        enrolled.school_name,
        enrolled.device,
        enrolled.root,
        enrolled.discovery,
        enrolled.standby,
        enrolled.epoch,
    )
    check_given(key, given, enrolled.certificate, enrolled.assignment)
    kept = FleetKept(
        server,
        enrolled.token,
        _bounded(enrolled.next_check_in_seconds),
        first_seconds=min(enrolled.first_seconds, FIRST_MAX_SECONDS),
    )
    write_private(folder.fleet, msgspec.json.encode(kept))
    keep_given(folder, given, enrolled.certificate, enrolled.assignment)
    return enrolled.device


def evenly() -> float:
    """Draw from 0 to 1, each as likely: devices that start in one second come at all moments."""
    return random.random()  # noqa: S311 - spreads devices, keeps no secret


@dataclass(frozen=True)
class Duties:
    """What check-ins need of the rest. `apply` blocks and says why not, or ""; of an older MDM.

    `deny` takes a newer deny list, `deny_lists` has the one that is held. `follow` takes
    successions of the school's root, and papers under the newest. `freed` hears that the device
    leaves its school: what restricts its pupil ends. `pace`: by which a start's wait is shortened.
    `spread`: at which part of that wait to come, from 0 to 1 and each as likely; also whether to
    tell all anew.
    """

    ground: GroundHere
    deny: Callable[[str], None]
    deny_lists: Callable[[], DenyLists]
    inventory: Callable[[], Inventory]
    apply: Callable[[Policy], str]
    pauses: Callable[[], Iterator[float]]
    follow: Callable[[Sequence[str], str, str], None]
    client: Client = web_client
    pace: float = 1.0
    spread: Callable[[], float] = evenly
    witness: Witness | None = None
    renewing: Renewing | None = None
    freed: Callable[[], None] = lambda: None
    wanted: WantedHere | None = None


class CheckIns:
    """Comes when the server said, applies what it declared, reports what it applied."""

    def __init__(self, folder: Folder, enrolment: Enrolment, duties: Duties) -> None:
        self._folder = folder
        self._enrolment = enrolment
        self._duties = duties
        self._wanted = False
        self._list_wanted = False
        self._told_hash: str = ""
        self.discovery = enrolment.discovery
        self._met_at = -AWAY_SECONDS if _is_away(folder) else duties.ground.boot()

    def take_up(self, enrolment: Enrolment) -> None:
        """Go on as who this device is under the school's new root."""
        self._enrolment, self.discovery = enrolment, enrolment.discovery

    def meets(self) -> bool:
        """Tell whether the MDM is met without help: lately, or there was no time for it yet.

        Where the last start did not meet it, it has first to be met.
        """
        return self._duties.ground.boot() - self._met_at < AWAY_SECONDS

    async def run(self) -> NoReturn:
        """Check in until cancelled. Raises Leaving where the school lets the device go."""
        pauses = self._duties.pauses()
        await asyncio.sleep(self._first_seconds() * self._duties.pace * self._duties.spread())
        while True:
            try:
                seconds = await self.once()
                pauses = self._duties.pauses()
            except TryAgain as again:
                seconds = max(again.after_seconds, next(pauses))
                await asyncio.to_thread(_note_away, self._folder)
            except (DeviceError, OSError) as error:
                log.info("check-in failed", extra={"why": type(error).__name__})
                seconds = next(pauses)
                await asyncio.to_thread(_note_away, self._folder)
            await asyncio.sleep(seconds)

    def _first_seconds(self) -> float:
        """Within how many seconds of a start to come: as the MDM said, for it knows how many are.

        Devices of a class start in the same second.
        """
        try:
            kept = read_fleet(self._folder)
        except Broken:  # as each check-in then says: the class goes on without
            return 0.0
        return kept.first_seconds if kept is not None else 0.0

    async def once(self) -> float:
        """Check in once; return the seconds until the next. Raises DeviceError or OSError."""
        kept = read_fleet(self._folder)
        if kept is None:
            return LATEST_SECONDS  # no MDM: a village school with no server
        inventory = await asyncio.to_thread(self._duties.inventory)
        known = hash_of_inventory(inventory)
        # What changed goes at once: where a device is now is no news in a quarter of an hour.
        tells = self._wanted or known != self._told_hash
        heads = await self._heads(kept.head_count)
        lists = self._duties.deny_lists()
        asked = CheckIn(
            policy_version=kept.policy.version,
            policy_state=kept.policy_state,
            policy_reason=kept.policy_reason,
            assignment_version=self._duties.ground.assignment_version,
            deny_list=lists.denied.number,
            lost_list=lists.token if self._list_wanted else "",
            inventory_hash=known,
            inventory=inventory if tells else None,
            heads=heads,
            wants_discovery=not self.discovery,
            epoch=self._enrolment.epoch,
            csr=self._duties.renewing.request() if self._duties.renewing else "",
            wants_standby=not (await asyncio.to_thread(read_school, self._folder)).standby,
            wanted=self._duties.wanted.heard if self._duties.wanted else -1,
        )
        told = ("/api/check-in", asked)
        before = kept.token
        heard, kept = await ask_as(self._who(), kept, self._duties.client, told, CheckedIn)
        await self._tell_anew(is_passed=kept.token != before)
        self._wanted, self._told_hash = heard.want_inventory, known
        if heard.head_count >= 0:
            await self._heads_answered(heads)
        self._met_at = self._duties.ground.boot()
        try:
            seconds = await self._take(kept, heard)
        except OSError:  # a full disk keeps nothing back that is wanted
            await self._do_wanted(kept, heard)
            raise
        await self._do_wanted(kept, heard)
        return seconds

    async def _tell_anew(self, *, is_passed: bool) -> None:
        """Now and then tell all that was told: a server set back to a copy does not know it."""
        here = self._duties.wanted
        if is_passed and here is not None and self._duties.spread() < TOLD_ANEW:
            await here.tell_anew()

    async def _heads(self, head_count: int) -> tuple[SignedHead, ...]:
        """Return what the second witness has to tell; a spoilt journal holds nothing else back."""
        witness = self._duties.witness
        if witness is None or head_count < 0:
            return ()
        try:
            return await witness.waiting(head_count, HEADS_A_CHECK_IN_MAX)
        except (Broken, OSError) as error:
            log.info("no head told", extra={"why": type(error).__name__})
            return ()

    async def _heads_answered(self, heads: tuple[SignedHead, ...]) -> None:
        try:
            if self._duties.witness is not None:
                await self._duties.witness.answered(heads)
        except (Broken, OSError) as error:  # then they are told again
            log.info("heads not noted", extra={"why": type(error).__name__})

    async def _do_wanted(self, kept: FleetKept, heard: CheckedIn) -> None:
        """Make it as the MDM wants it and tell what became of it. Raises Leaving to be erased."""
        here = self._duties.wanted
        if here is None:
            return
        try:
            await here.heard_from_mdm(heard.wanted, heard.urgent)
        except NotAllowed as error:
            log.warning("wanted refused", extra={"why": error.why})
        except OSError:
            if not here.wipe:
                raise
        if here.wipe:
            await here.say_wipe()
            await asyncio.to_thread(begin_wipe, self._folder, here.wipe)
            self._duties.freed()
            raise Leaving
        while (said := here.owed()) is not None:
            async with self._duties.client() as http:
                await _report(http, kept, said)
            await here.told(said)

    def _who(self) -> Who:
        enrolled = self._enrolment
        return Who(enrolled.school.id, enrolled.device, enrolled.identity.key)

    async def _take(self, kept: FleetKept, heard: CheckedIn) -> float:
        if heard.release:
            await self._leave(heard.release)
        if heard.successions or (heard.certificate and self._enrolment.outdated):
            self._follow(heard)
        elif heard.certificate and self._duties.renewing:
            await self._renewed(self._duties.renewing, heard.certificate)
        await self._pin(heard.standby)
        # Before its next one is taken here, which names less: then nobody else would hear of it.
        self._list_wanted = heard.want_list
        if heard.deny_list and not heard.want_list:
            _judged(self._duties.deny, heard.deny_list)
        if heard.assignment:
            _judged(self._assigned, heard.assignment)
        if heard.discovery and not self.discovery:
            await asyncio.to_thread(self._keep_discovery, heard.discovery)
        if heard.policy is not None and heard.policy.version > kept.policy.version:
            reason = await asyncio.to_thread(self._duties.apply, heard.policy)
            state = "failed" if reason else "applied"
            kept = replace(
                kept, policy=heard.policy, policy_state=state, policy_reason=reason[:200]
            )
        seconds = _bounded(heard.next_check_in_seconds)
        write = msgspec.json.encode(
            replace(kept, next_seconds=seconds, head_count=heard.head_count, away=False)
        )
        await asyncio.to_thread(write_private, self._folder.fleet, write)
        # A report, a list or an inventory that is owed is not kept for tomorrow.
        owed = self._wanted or self._list_wanted or self._enrolment.outdated
        return SOONEST_SECONDS if owed or heard.policy is not None else seconds

    def _follow(self, heard: CheckedIn) -> None:
        try:
            self._duties.follow(heard.successions, heard.certificate, heard.assignment)
        except NotAllowed as error:  # enrolled before there was a standby, say: all else goes on
            log.warning("succession refused", extra={"why": error.why})

    async def _leave(self, release: str) -> None:
        try:
            await asyncio.to_thread(begin, self._folder, release, self._enrolment)
        except NotAllowed as error:
            log.warning("release refused", extra={"why": error.why})
            return
        self._duties.freed()
        raise Leaving

    async def _pin(self, named: str) -> None:
        try:
            if named:
                await asyncio.to_thread(pin_standby, self._folder, named)
        except NotAllowed as error:
            log.warning("standby refused", extra={"why": error.why})

    async def _renewed(self, renewing: Renewing, certificate: str) -> None:
        try:
            await renewing.take(certificate)
        except NotPaired as error:
            log.warning("certificate refused", extra={"why": str(error)})

    def _keep_discovery(self, key: str) -> None:
        write_school(self._folder, replace(read_school(self._folder), discovery=key))
        self.discovery = bytes.fromhex(key)

    def _assigned(self, token: str) -> None:
        keep_assignment(self._folder, self._enrolment, self._duties.ground, token)


def _judged(take: Callable[[str], None], token: str) -> None:
    """Take a statement; where it is refused, all else that came with it is taken all the same."""
    try:
        take(token)
    except NotAllowed as error:
        log.warning("statement refused", extra={"verb": error.verb, "why": error.why})


async def tell_reports(folder: Folder, said: Reports, client: Client = web_client) -> None:
    """Tell the MDM what became of what it wanted, by the token there is. Raises DeviceError.

    Who is erased has no key any more to be given another: a token that has ended ends it.
    """
    kept = read_fleet(folder)
    if kept is None:
        return
    with suppress(NotPaired):
        async with client() as http:
            await _report(http, kept, said)


async def _report(http: httpx.AsyncClient, kept: FleetKept, said: Reports) -> None:
    await ask(http, f"{kept.server}/api/reports", said, Taken, kept.token)


async def deliver_receipt(
    folder: Folder, receipt: SignedReceipt, client: Client = web_client
) -> None:
    """Bring the MDM what this device signed when it left. Raises DeviceError.

    That the token is not known any more says that it was brought before.
    """
    kept = read_fleet(folder)
    if kept is None:
        return
    with suppress(NotPaired):
        school = read_school(folder)
        who = Who(school.school, school.device, own_key(folder))
        await ask_as(who, kept, client, ("/api/receipts", receipt), Left)


def read_fleet(folder: Folder) -> FleetKept | None:
    raw = read_kept(folder.fleet)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=FleetKept)
    except (ValueError, RecursionError) as error:
        raise Broken("fleet.json is spoilt") from error


def _is_away(folder: Folder) -> bool:
    """Tell whether no MDM is met, as far as the last start knew."""
    try:
        kept = read_fleet(folder)
    except Broken:
        return True
    return kept is None or kept.away


def _note_away(folder: Folder) -> None:
    """Keep for the next start that the MDM is not met: who is on for a lesson has no hour to try.

    Where the disk refuses, the next start waits once more.
    """
    with suppress(Broken, OSError):
        kept = read_fleet(folder)
        if kept is not None and not kept.away:
            write_private(folder.fleet, msgspec.json.encode(replace(kept, away=True)))


def _code(typed: str) -> str:
    """Refuse what the MDM could not even read as a code in the words for any other wrong one."""
    try:
        return msgspec.convert(typed.strip(), EnrolmentCode)
    except msgspec.ValidationError as error:
        raise NotPaired(BAD_CODE) from error


def _check_address(server: str) -> None:
    try:
        address = httpx.URL(server)
    except httpx.InvalidURL as error:
        raise Broken(NO_ADDRESS) from error
    if address.scheme not in {"http", "https"} or not address.host:
        raise Broken(NO_ADDRESS)


def _bounded(seconds: float) -> float:
    return min(max(SOONEST_SECONDS, float(seconds)), LATEST_SECONDS)
