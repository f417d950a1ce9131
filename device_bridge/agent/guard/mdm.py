"""The central MDM as a device meets it: enrolment once, then a check-in now and then.

Nothing in class waits for any of this: an MDM that is gone, slow or talks nonsense changes
nothing but how long this module pauses.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Final, NoReturn, TypeVar

import httpx
import msgspec
from msgspec import Struct
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
from central_mdm.contract.identity import Problem
from central_mdm.contract.leaving import Left, SignedReceipt
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.enrolled import (
    Enrolment,
    SchoolKept,
    check_given,
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
from device_bridge.agent.guard.witness import Witness
from device_bridge.protocol.errors import Broken, DeviceError, NotAllowed, NotPaired, TryAgain
from device_bridge.trust.grants import read_assignment
from device_bridge.trust.identity import csr, write_private

log = logging.getLogger(__name__)

NO_ADDRESS: Final = "not a server's address; it looks like https://school.example:8000"
BAD_CODE: Final = "bad-code"
ANSWER_BYTES_MAX: Final = 64 * 1024
ANSWER_SECONDS: Final = 20.0
SOONEST_SECONDS: Final = 60.0
LATEST_SECONDS: Final = 24 * 3600.0
FIRST_SECONDS: Final = 10.0
"""After a start devices of a class come within so many seconds, not in the same one."""
BACK_OFF_SECONDS: Final = 30.0
BACK_OFF_MAX_SECONDS: Final = 3600.0
Answered = TypeVar("Answered", Enrolled, CheckedIn, Left)
Client = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


class FleetKept(Struct, frozen=True):
    """`fleet.json`: where the MDM is, the token, and what was last heard and applied."""

    server: str
    token: str
    next_seconds: float = SOONEST_SECONDS
    policy: Policy = Policy(0)
    policy_state: str = ""
    policy_reason: str = ""
    head_count: int = -1


@asynccontextmanager
async def web_client() -> AsyncGenerator[httpx.AsyncClient]:
    """Enter a client with limits on every wait; addresses are never followed elsewhere."""
    limits = httpx.Timeout(ANSWER_SECONDS)
    trusted = await asyncio.to_thread(_trusted)
    async with httpx.AsyncClient(verify=trusted, timeout=limits, follow_redirects=False) as http:
        yield http


@cache
def _trusted() -> ssl.SSLContext:
    """Read the web's root certificates; once, since it takes 20 ms, and not on the loop."""
    return httpx.create_ssl_context()


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
        enrolled = await _ask(http, f"{server}/api/enrolments", asked, Enrolled)
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
    kept = FleetKept(server, enrolled.token, _bounded(enrolled.next_check_in_seconds))
    write_private(folder.fleet, msgspec.json.encode(kept))
    keep_given(folder, given, enrolled.certificate, enrolled.assignment)
    return enrolled.device


@dataclass(frozen=True)
class Duties:
    """What check-ins need of the rest. `apply` blocks and says why not, or "".

    `deny` takes a newer deny list, `deny_list_number` tells which is held. `follow` takes
    successions of the school's root, and papers under the newest. `freed` hears that the device
    leaves its school: what restricts its pupil ends.
    """

    ground: GroundHere
    deny: Callable[[str], None]
    deny_list_number: Callable[[], int]
    inventory: Callable[[], Inventory]
    apply: Callable[[Policy], str]
    pauses: Callable[[], Iterator[float]]
    jitter: Callable[[], float]
    follow: Callable[[Sequence[str], str, str], None]
    client: Client = web_client
    first_seconds: float = FIRST_SECONDS
    witness: Witness | None = None
    renewing: Renewing | None = None
    freed: Callable[[], None] = lambda: None


class CheckIns:
    """Comes when the server said, applies what it declared, reports what it applied."""

    def __init__(self, folder: Folder, enrolment: Enrolment, duties: Duties) -> None:
        self._folder = folder
        self._enrolment = enrolment
        self._duties = duties
        self._wanted = False
        self._told_hash: str = ""
        self.discovery = enrolment.discovery

    def take_up(self, enrolment: Enrolment) -> None:
        """Go on as who this device is under the school's new root."""
        self._enrolment, self.discovery = enrolment, enrolment.discovery

    async def run(self) -> NoReturn:
        """Check in until cancelled. Raises Leaving where the school lets the device go."""
        pauses = self._duties.pauses()
        await asyncio.sleep(self._duties.first_seconds * self._duties.jitter())
        while True:
            try:
                seconds = await self.once()
                pauses = self._duties.pauses()
            except TryAgain as again:
                seconds = max(again.after_seconds, next(pauses))
            except (DeviceError, OSError) as error:
                log.info("check-in failed", extra={"why": type(error).__name__})
                seconds = next(pauses)
            await asyncio.sleep(seconds)

    async def once(self) -> float:
        """Check in once; return the seconds until the next. Raises DeviceError or OSError."""
        kept = read_fleet(self._folder)
        if kept is None:
            return LATEST_SECONDS  # no MDM: a village school with no server
        inventory = await asyncio.to_thread(self._duties.inventory)
        known = hash_of_inventory(inventory)
        # What changed goes at once: where a device is now is no news in a quarter of an hour.
        tells = self._wanted or known != self._told_hash
        witness, heads = self._duties.witness, ()
        if witness is not None and kept.head_count >= 0:
            heads = await witness.waiting(kept.head_count, HEADS_A_CHECK_IN_MAX)
        asked = CheckIn(
            policy_version=kept.policy.version,
            policy_state=kept.policy_state,
            policy_reason=kept.policy_reason,
            assignment_version=self._duties.ground.assignment_version,
            deny_list=self._duties.deny_list_number(),
            inventory_hash=known,
            inventory=inventory if tells else None,
            heads=heads,
            wants_discovery=not self.discovery,
            epoch=self._enrolment.epoch,
            csr=self._duties.renewing.request() if self._duties.renewing else "",
            wants_standby=not (await asyncio.to_thread(read_school, self._folder)).standby,
        )
        headers = {"authorization": f"Bearer {kept.token}"}
        async with self._duties.client() as http:
            heard = await _ask(http, f"{kept.server}/api/check-in", asked, CheckedIn, headers)
        self._wanted, self._told_hash = heard.want_inventory, known
        if witness is not None and heard.head_count >= 0:
            await witness.answered(heads)
        return await self._take(kept, heard)

    async def _take(self, kept: FleetKept, heard: CheckedIn) -> float:
        if heard.release:
            await self._leave(heard.release)
        if heard.successions or (heard.certificate and self._enrolment.outdated):
            self._follow(heard)
        elif heard.certificate and self._duties.renewing:
            await self._renewed(self._duties.renewing, heard.certificate)
        await self._pin(heard.standby)
        if heard.deny_list:
            self._duties.deny(heard.deny_list)
        if heard.assignment:
            self._assigned(heard.assignment)
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
            replace(kept, next_seconds=seconds, head_count=heard.head_count)
        )
        await asyncio.to_thread(write_private, self._folder.fleet, write)
        # A report or an inventory that is owed is not kept for tomorrow.
        owed = self._wanted or heard.policy is not None or self._enrolment.outdated
        return SOONEST_SECONDS if owed else seconds

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
        read = read_assignment(token, self._enrolment.school, self._enrolment.device)
        if self._duties.ground.assign(read):
            write_private(self._folder.assignment, token.encode())


async def deliver_receipt(
    folder: Folder, receipt: SignedReceipt, client: Client = web_client
) -> None:
    """Bring the MDM what this device signed when it left. Raises DeviceError.

    That the token is not known any more says that it was brought before.
    """
    kept = read_fleet(folder)
    if kept is None:
        return
    headers = {"authorization": f"Bearer {kept.token}"}
    with suppress(NotPaired):
        async with client() as http:
            await _ask(http, f"{kept.server}/api/receipts", receipt, Left, headers)


def read_fleet(folder: Folder) -> FleetKept | None:
    raw = read_kept(folder.fleet)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=FleetKept)
    except (ValueError, RecursionError) as error:
        raise Broken("fleet.json is spoilt") from error


async def _ask(
    http: httpx.AsyncClient,
    address: str,
    asked: Struct,
    answer: type[Answered],
    headers: dict[str, str] | None = None,
) -> Answered:
    """Post JSON and read the typed answer; nothing else of what comes is believed."""
    told = {"content-type": "application/json", **(headers or {})}
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            http.stream(
                "POST", address, content=msgspec.json.encode(asked), headers=told
            ) as response,
        ):
            raw = await _read(response)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise TryAgain(BACK_OFF_SECONDS) from error
    if not response.is_success:
        raise _refusal(response, raw)
    try:
        return msgspec.json.decode(raw, type=answer)
    except (ValueError, RecursionError) as error:
        raise Broken("the MDM's answer is none") from error


async def _read(response: httpx.Response) -> bytes:
    raw = bytearray()
    async for piece in response.aiter_bytes():
        raw += piece
        if len(raw) > ANSWER_BYTES_MAX:
            raise Broken("the MDM's answer is too large")
    return bytes(raw)


def _refusal(response: httpx.Response, raw: bytes) -> DeviceError:
    if response.status_code in {408, 429} or response.is_server_error:
        after = response.headers.get("retry-after", "")
        seconds = float(after) if after.isascii() and after.isdigit() else BACK_OFF_SECONDS
        return TryAgain(min(seconds, BACK_OFF_MAX_SECONDS))
    try:
        problem = msgspec.json.decode(raw, type=Problem)
    except (ValueError, RecursionError):
        return Broken(f"the MDM answers {response.status_code}")
    if response.status_code in {401, 403}:
        return NotPaired(problem.code, problem.detail)
    return NotAllowed(problem.code, problem.detail)


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
