"""Hears devices announce themselves, and bounds what anyone on the network can cost us.

PTR, SRV, TXT and A usually come in one packet, so most devices are resolved from the cache at
once. The others are chased: asked for again after 1.5 s, then ever more slowly, while their pointer
lives. Whoever floods the network with names fills our places for strangers, never those of the
devices whose names are `expected`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Never

from msgspec.structs import replace
from zeroconf import (
    RecordUpdate,
    RecordUpdateListener,
    ServiceStateChange,
    Zeroconf,
    current_time_millis,
)
from zeroconf._cache import DNSCache
from zeroconf._dns import DNSPointer, DNSQuestion, DNSRecord
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from device_bridge.discovery.interfaces import (
    LOOK_SECONDS,
    keep_up,
    open_zeroconf,
    own_addresses,
)
from device_bridge.discovery.records import SERVICE_TYPE, instance_of, read_text
from device_bridge.discovery.sightings import Sighting, dialable
from device_bridge.discovery.writable import asked, is_writable

log = logging.getLogger(__name__)

_PTR: Final = 12
_IN: Final = 1
ENTRIES_MAX: Final = 1000
ASKED_AT_ONCE: Final = 16
CHASE_SECONDS: Final = 1.5  # a responder repeats a record at most once a second (RFC 6762, 6)
CHASE_SECONDS_MAX: Final = 60.0
ASK_SECONDS: Final = 5.0
ASK_SECONDS_MAX: Final = 60.0
"""zeroconf asks at 0, 1, 5 and 14 s and then never again. RFC 6762 (5.2) lets the pause
grow to an hour; a lesson is shorter, and who was heard is named in the question and is silent."""
RETRY_SECONDS: Final = 5.0
"""Without a network: when to look again. As the machine's addresses are looked at."""


def ask_all(zeroconf: Zeroconf) -> None:
    """Ask who is there, naming those who need not answer (RFC 6762, 7.1).

    Only what can be written: one stranger's bent name would else end the question.
    """
    question, now = DNSOutgoing(0), current_time_millis()
    question.add_question(DNSQuestion(SERVICE_TYPE, _PTR, _IN))
    for known in zeroconf.cache.get_all_by_details(SERVICE_TYPE, _PTR, _IN):
        if isinstance(known, DNSPointer) and is_writable(known.alias) and not known.is_stale(now):
            question.add_answer_at_time(known, now)
    zeroconf.async_send(question)


class _Echo(RecordUpdateListener):
    """Hears a pointer that is announced again: a device that came back where it was.

    Pointers that cannot be written go out of the cache at once, for zeroconf names all it has.
    """

    def __init__(self, again: Callable[[str], None], cache: DNSCache) -> None:
        super().__init__()
        self._cache = cache
        self._again = again
        self._bent: list[DNSRecord] = []

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        del zc
        for update in records:
            pointer = update.new
            if isinstance(pointer, DNSPointer) and not is_writable(pointer.alias):
                self._bent.append(pointer)
            elif (
                isinstance(pointer, DNSPointer)
                and update.old is not None
                and pointer.name.lower() == SERVICE_TYPE
                and not pointer.is_expired(now)
            ):
                self._again(pointer.alias)

    def async_update_records_complete(self) -> None:
        """Hear that the cache has the records."""
        self._cache.async_remove_records(self._bent)
        self._bent.clear()


class _Entry:
    """One announced instance."""

    def __init__(self) -> None:
        self.told: Sighting | None = None
        self.chase: asyncio.Task[None] | None = None


class Browser:
    """Tells `heard` of each sighting that is new, has changed or was announced again.

    `lost` hears the name in a record after a goodbye or when its record ran out: only a hint.
    `interfaces` are own addresses to listen on; None: all, kept up to date. `expected` says which
    names are of devices of the class. `pace` multiplies the pauses between looks and questions.
    """

    def __init__(
        self,
        heard: Callable[[Sighting], None],
        lost: Callable[[str], None],
        *,
        interfaces: Sequence[str] | None = None,
        expected: Callable[[str], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
        pace: float = 1.0,
    ) -> None:
        self._heard = heard
        self._lost = lost
        self._interfaces = tuple(interfaces) if interfaces else None
        self._expected = expected
        self._clock, self._pace = clock, pace
        self._entries: dict[str, _Entry] = {}
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)
        self._chases: asyncio.TaskGroup | None = None
        self.turned_away = 0
        self.trouble = ""

    @property
    def places_taken(self) -> int:
        return len(self._entries)

    async def run(self) -> Never:
        """Browse until cancelled. Where there is no multicast, `trouble` says why; try again."""
        while True:
            try:
                zeroconf = open_zeroconf(self._interfaces)
            except OSError as error:
                self._say(str(error) or type(error).__name__)
            else:
                self._say("")
                await self._browse(zeroconf)
            await asyncio.sleep(RETRY_SECONDS * self._pace)

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.info("browsing", extra={"trouble": trouble})
        self.trouble = trouble

    async def _browse(self, zeroconf: AsyncZeroconf) -> None:
        echo = _Echo(partial(self._again, zeroconf.zeroconf), zeroconf.zeroconf.cache)
        try:
            async with asyncio.TaskGroup() as chases:
                self._chases = chases
                browser = AsyncServiceBrowser(
                    zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._changed]
                )
                zeroconf.zeroconf.async_add_listener(echo, None)
                try:
                    await self._follow(zeroconf)
                finally:
                    zeroconf.zeroconf.async_remove_listener(echo)
                    await browser.async_cancel()
        finally:
            self._chases = None
            self._entries.clear()
            await zeroconf.async_close()

    async def _follow(self, zeroconf: AsyncZeroconf) -> Never:
        """Follow the machine's addresses; ask again, ever more slowly, and anew where it moved."""
        seconds = asyncio.get_running_loop().time
        first = ASK_SECONDS * self._pace
        known, pause = own_addresses(), first
        ask_at = seconds() + pause
        while True:
            await asyncio.sleep(LOOK_SECONDS * self._pace)
            before = known
            if self._interfaces is None:
                known = await keep_up(zeroconf, known, own_addresses())
            if known != before or seconds() >= ask_at:
                ask_all(zeroconf.zeroconf)
                pause = first if known != before else min(2 * pause, ASK_SECONDS_MAX)
                ask_at = seconds() + pause

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        """Hear zeroconf; its keyword arguments bear these names."""
        del service_type
        if state_change is ServiceStateChange.Removed:
            self._gone(name)
        elif (entry := self._place(name)) is not None:
            self._look(zeroconf, name, entry)

    def _again(self, zeroconf: Zeroconf, name: str) -> None:
        entry = self._entries.get(name)
        if entry is None or entry.told is None:
            return
        now = self._clock()
        if now - entry.told.seen_at >= 1.0:  # a dial a second is all a keeper would do with it
            entry.told = None
            self._look(zeroconf, name, entry)

    def _gone(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        if entry.chase is not None:
            entry.chase.cancel()
        told = entry.told
        if told is not None and not any(
            other.told is not None and other.told.name == told.name
            for other in self._entries.values()
        ):
            self._lost(told.name)

    def _place(self, name: str) -> _Entry | None:
        """Find or make the entry of a name; None where strangers have had their share."""
        if (entry := self._entries.get(name)) is not None:
            return entry
        if not is_writable(name):
            return None
        if len(self._entries) >= ENTRIES_MAX and not self._make_room(name):
            self.turned_away += 1
            return None
        return self._entries.setdefault(name, _Entry())

    def _make_room(self, name: str) -> bool:
        if not self._is_expected(name):
            return False
        stranger = next((one for one in self._entries if not self._is_expected(one)), None)
        if stranger is not None:
            self._gone(stranger)
        return stranger is not None

    def _is_expected(self, name: str) -> bool:
        label = name[: -len(SERVICE_TYPE) - 1]
        return self._expected(label) and instance_of(label) == label

    def _look(self, zeroconf: Zeroconf, name: str, entry: _Entry) -> None:
        """Read what is known of `name`; chase what is missing."""
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        if info.load_from_cache(zeroconf):
            self._read(info, entry)
        elif entry.chase is None and self._chases is not None:
            entry.chase = self._chases.create_task(
                self._chase(zeroconf, name, entry), name="discovery-chase"
            )

    async def _chase(self, zeroconf: Zeroconf, name: str, entry: _Entry) -> None:
        pause = CHASE_SECONDS
        try:
            while not await self._ask(zeroconf, name, entry):
                await asyncio.sleep(pause)
                pause = min(2 * pause, CHASE_SECONDS_MAX)
        finally:
            entry.chase = None

    async def _ask(self, zeroconf: Zeroconf, name: str, entry: _Entry) -> bool:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        if self._is_expected(name):  # never behind a queue of strangers
            complete = await asked(zeroconf, info, CHASE_SECONDS)
        else:
            async with self._asking:
                complete = await asked(zeroconf, info, CHASE_SECONDS)
        if complete:
            self._read(info, entry)
        return complete

    def _read(self, info: AsyncServiceInfo, entry: _Entry) -> None:
        said = read_text(info.properties)
        loopback = self._interfaces is not None and "127.0.0.1" in self._interfaces
        addresses = dialable(info.parsed_scoped_addresses(), info.port, loopback=loopback)
        if said is None or not addresses:
            entry.told = None
            return
        now = self._clock()
        seen = Sighting(
            said.name, addresses, said.kind, said.lowest, said.highest, "mdns", seen_at=now
        )
        if entry.told is None or replace(entry.told, seen_at=now) != seen:
            entry.told = seen
            self._heard(seen)
