"""Two real mDNS stacks on the loopback interface."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from zeroconf import NamePartTooLongException, ServiceInfo, Zeroconf
from zeroconf._dns import DNSPointer, DNSRecord
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from device_bridge.discovery import browse
from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.browse import ENTRIES_MAX, Browser
from device_bridge.discovery.doors import Doors
from device_bridge.discovery.records import DOOR_TYPE, SERVICE_TYPE, service_name, text_of
from device_bridge.discovery.sightings import Sighting
from device_bridge.discovery.writable import asked
from tests.attack.each.mdns_flood import MDNS, packet, record

pytestmark = pytest.mark.real_loop

LOOPBACK = ["127.0.0.1"]
RESPONSE = 0x8400  # an authoritative answer (RFC 6762, 18)
MINE = "test-loop-"


class Ears:
    """Collects what a browser tells of this test's devices."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Sighting]] = {}
        self.lost: list[str] = []
        self._told = asyncio.Event()

    def hear(self, sighting: Sighting) -> None:
        if sighting.name.startswith(MINE):
            self.heard.setdefault(sighting.name, []).append(sighting)
            self._told.set()

    def lose(self, device: str) -> None:
        if device.startswith(MINE):
            self.lost.append(device)
            self._told.set()

    def count(self) -> int:
        return sum(map(len, self.heard.values()))

    async def until(self, holds: Callable[[], bool], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self._told.clear()
                await self._told.wait()


@asynccontextmanager
async def listening(ears: Ears, browser: Browser | None = None) -> AsyncGenerator[Browser]:
    browser = browser or Browser(ears.hear, ears.lose, interfaces=LOOPBACK)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(browser.run())
        try:
            yield browser
        finally:
            task.cancel()


def device(number: int) -> str:
    return f"{MINE}{number}"


def named(number: int) -> Callable[[], str]:
    return partial(device, number)


async def test_at_midnight_a_device_takes_its_name_back_and_has_another() -> None:
    ears, day = Ears(), [1]
    tomorrow = Announcer(
        None, lambda: device(day[0]), 7001, "", LOOPBACK, interfaces=LOOPBACK, look_seconds=0.05
    )
    async with listening(ears), tomorrow:
        await ears.until(lambda: device(1) in ears.heard)
        day[0] = 2
        await ears.until(lambda: device(2) in ears.heard and device(1) in ears.lost)
        assert device(2) not in ears.lost


async def test_a_door_stays_announced_while_its_name_stays() -> None:
    looks, looked, heard = iter(range(20)), asyncio.Event(), asyncio.Event()
    gone: list[str] = []

    def name() -> str:
        if next(looks, None) is None:
            looked.set()
        return device(1)

    def hear(label: str, *_: object) -> None:
        if label == device(1):
            heard.set()

    door = Announcer(
        None, name, 7001, "class", LOOPBACK,
        interfaces=LOOPBACK, is_device=False, service_type=DOOR_TYPE, look_seconds=0.01,
    )  # fmt: skip
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        browsing = tasks.create_task(Doors(hear, gone.append, LOOPBACK).run())
        async with door:
            await heard.wait()
            await looked.wait()
            assert device(1) not in gone
        browsing.cancel()


async def test_a_device_is_found_moves_and_says_goodbye() -> None:
    ears = Ears()
    async with listening(ears):
        async with Announcer(None, named(1), 7001, "laptop", LOOPBACK, interfaces=LOOPBACK):
            await ears.until(lambda: device(1) in ears.heard)
        sighting = ears.heard[device(1)][0]
        assert sighting.addresses == (("127.0.0.1", 7001),)
        assert (sighting.kind, sighting.via) == ("laptop", "mdns")
        await ears.until(lambda: device(1) in ears.lost)
        async with Announcer(None, named(1), 7002, "laptop", LOOPBACK, interfaces=LOOPBACK):
            await ears.until(lambda: ears.heard[device(1)][-1].addresses[0][1] == 7002)


async def test_many_devices_of_one_process_are_found_at_once() -> None:
    ears = Ears()
    loop = asyncio.get_running_loop()
    async with AsyncZeroconf(interfaces=LOOPBACK) as shared, asyncio.TaskGroup() as tasks:
        done = asyncio.Event()

        async def announce(number: int) -> None:
            async with Announcer(shared, named(number), 7000 + number, "laptop", LOOPBACK):
                await done.wait()

        for number in range(20):
            tasks.create_task(announce(number))
        began = loop.time()
        async with listening(ears):
            await ears.until(lambda: len(ears.heard) == 20)
        assert loop.time() - began < 8
        done.set()


async def test_a_device_that_returns_to_its_place_is_heard_again() -> None:
    ears = Ears()
    now = [100.0]
    browser = Browser(ears.hear, ears.lose, interfaces=LOOPBACK, clock=lambda: now[0])
    record = ServiceInfo(
        SERVICE_TYPE,
        service_name(device(1)),
        port=7001,
        properties=text_of(device(1), ""),
        server=f"{device(1)}.local.",
        parsed_addresses=LOOPBACK,
    )
    async with AsyncZeroconf(interfaces=LOOPBACK) as network, listening(ears, browser):
        for seconds in (0, 1):
            now[0] += seconds
            heard = ears.count()
            answer = DNSOutgoing(RESPONSE)
            add(answer, record.dns_pointer(), record.dns_service(), record.dns_text())
            add(answer, *record.dns_addresses())
            await network.zeroconf.async_wait_for_start()
            while ears.count() == heard:
                # Sent until heard: the browser may have opened its socket only now.
                network.zeroconf.async_send(answer)
                with suppress(TimeoutError):
                    await ears.until(lambda: ears.count() > heard, 0.2)  # noqa: B023 - called here


def add(answer: DNSOutgoing, *records: DNSRecord) -> None:
    for each in records:
        answer.add_answer_at_time(each, 0)


async def test_a_name_that_lies_adds_an_address_and_proves_nothing() -> None:
    """The record of another instance claims device 1's id: both are told, TLS decides."""
    ears = Ears()
    lie = ServiceInfo(
        SERVICE_TYPE,
        service_name("somebody-else"),
        port=6666,
        properties=text_of(device(1), "laptop"),
        server="somebody-else.local.",
        parsed_addresses=LOOPBACK,
    )
    async with (
        listening(ears),
        AsyncZeroconf(interfaces=LOOPBACK) as liar,
        Announcer(None, named(1), 7001, "laptop", LOOPBACK, interfaces=LOOPBACK),
    ):
        await liar.async_register_service(lie, cooperating_responders=True)  # pyright: ignore[reportUnknownMemberType]
        await ears.until(
            lambda: {seen.addresses[0][1] for seen in ears.heard.get(device(1), [])} == {7001, 6666}
        )
        await liar.async_unregister_all_services()
        assert device(1) not in ears.lost


async def test_a_flood_of_names_fills_only_the_places_of_strangers() -> None:
    ears = Ears()
    browser = Browser(
        ears.hear, ears.lose, interfaces=LOOPBACK, expected=lambda name: name == device(1)
    )
    async with listening(ears, browser), AsyncZeroconf(interfaces=LOOPBACK) as attacker:
        await attacker.zeroconf.async_wait_for_start()
        while browser.turned_away == 0:
            for start in range(0, 2 * ENTRIES_MAX, 20):
                flood = DNSOutgoing(RESPONSE)
                for number in range(start, start + 20):
                    name = f"flood-{number}-{'x' * 40}.{SERVICE_TYPE}"
                    add(flood, DNSPointer(SERVICE_TYPE, 12, 1, 60, name))
                attacker.zeroconf.async_send(flood)
                await asyncio.sleep(0)
        assert browser.places_taken == ENTRIES_MAX
        async with Announcer(None, named(1), 7001, "", LOOPBACK, interfaces=LOOPBACK):
            await ears.until(lambda: device(1) in ears.heard)
        assert browser.places_taken <= ENTRIES_MAX


async def test_garbage_on_the_mdns_port_disturbs_nothing() -> None:
    ears = Ears()
    async with listening(ears):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for raw in (b"", b"\x00" * 12, b"\xff" * 1400, b"\xc0\x0c" * 600, bytes(range(256))):
                sender.sendto(raw, ("127.0.0.1", 5353))
        async with Announcer(None, named(1), 7001, "", LOOPBACK, interfaces=LOOPBACK):
            await ears.until(lambda: device(1) in ears.heard)


async def test_a_strangers_name_that_cannot_be_written_ends_no_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bad UTF-8 grows as it is read: to name such a pointer as known would raise."""
    times = asyncio.Semaphore(0)
    real = browse.ask_all

    def ask_all(zeroconf: Zeroconf) -> None:
        real(zeroconf)
        times.release()

    monkeypatch.setattr(browse, "ask_all", ask_all)
    ears = Ears()
    async with listening(ears, Browser(ears.hear, ears.lose, interfaces=LOOPBACK, pace=0.01)):
        async with Announcer(None, named(1), 7001, "", LOOPBACK, interfaces=LOOPBACK):
            await ears.until(lambda: device(1) in ears.heard)  # so it listens
        bent = (bytes([0xFF] * 63), b"a" * 40 + bytes([0xFE] * 20))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            here = socket.inet_aton(LOOPBACK[0])
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
            sender.sendto(packet([record(label, 4500) for label in bent]), MDNS)
        async with Announcer(None, named(2), 7002, "", LOOPBACK, interfaces=LOOPBACK):
            await ears.until(lambda: device(2) in ears.heard)
        async with asyncio.timeout(30):
            while not times.locked():  # asked before they came
                await times.acquire()
            await times.acquire()


async def test_a_host_that_cannot_be_written_is_as_one_that_does_not_answer() -> None:
    class Bent(AsyncServiceInfo):
        async def async_request(self, *_: object, **__: object) -> bool:
            raise NamePartTooLongException

    async with AsyncZeroconf(interfaces=LOOPBACK) as ears:
        assert not await asked(ears.zeroconf, Bent(SERVICE_TYPE, f"x.{SERVICE_TYPE}"), 1.0)


async def test_without_a_network_the_browser_says_why_and_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = 0
    real = browse.open_zeroconf

    def no_network(interfaces: tuple[str, ...]) -> AsyncZeroconf:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError(19, "No such device")
        return real(interfaces)

    monkeypatch.setattr(browse, "open_zeroconf", no_network)
    monkeypatch.setattr(browse, "RETRY_SECONDS", 0.01)
    ears = Ears()
    async with (
        listening(ears) as browser,
        Announcer(None, named(1), 7001, "", LOOPBACK, interfaces=LOOPBACK),
    ):
        await ears.until(lambda: device(1) in ears.heard)
        assert tries == 3
        assert browser.trouble == ""
