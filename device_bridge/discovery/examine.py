"""Looks at the network for the doctor: real sockets, each with an end in time."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf._dns import DNSQuestion
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceBrowser

from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.doctor import Check, Evidence, judge
from device_bridge.discovery.interfaces import OwnAddress, open_zeroconf, own_addresses
from device_bridge.discovery.records import SERVICE_TYPE, service_name
from device_bridge.discovery.wifi import wifi_names

LISTEN_SECONDS: Final = 2.0
"""Answers to a question come within half a second (RFC 6762, 6); lost once, within two."""
REACH_SECONDS: Final = 2.0
TRIED_MAX: Final = 8
_GROUP: Final = ("224.0.0.251", 5353)
_PACKETS_MAX: Final = 500

Address = tuple[str, int]


class Situation(Struct, frozen=True):
    """What the asking program knows.

    `devices`: addresses of the class's devices; `heard`: those of them from mDNS. `port`: where an
    agent listens. `clock_off_seconds`: our clock less the MDM's, where it was asked lately.
    `networks`, `clock_refusal`, `floor_seconds`, `told_here`: as `doctor.Evidence` has them.
    `linked`: the teachers who have a link to this device.
    """

    devices: tuple[Address, ...] = ()
    heard: tuple[Address, ...] = ()
    port: int | None = None
    interfaces: tuple[str, ...] | None = None
    networks: Mapping[str, str] = {}
    clock_off_seconds: float | None = None
    clock_refusal: str = ""
    floor_seconds: float = 0.0
    linked: tuple[str, ...] = ()
    told_here: int = 0


async def examine(situation: Situation) -> tuple[Check, ...]:
    """Look for some seconds and say what was found; never raises for what it finds."""
    own = own_addresses(situation.interfaces)
    async with asyncio.TaskGroup() as looks:
        echo = looks.create_task(_echo(situation.interfaces))
        others = looks.create_task(_answering(own))
        tried = looks.create_task(_knock(situation.devices))
        listens = looks.create_task(_listens(own, situation.port))
        wifi = looks.create_task(wifi_names())
    error, heard_back = echo.result()
    reached, refused, silent = tried.result()
    return judge(
        Evidence(
            own=own,
            wifi=wifi.result(),
            networks=situation.networks,
            multicast_error=error,
            echo=heard_back,
            firewall=firewall(),
            answered=others.result(),
            devices=_hosts(situation.devices),
            heard=_hosts(situation.heard),
            reached=reached,
            refused=refused,
            silent=silent,
            listening=listens.result(),
            wall_seconds=time.time(),
            clock_off_seconds=situation.clock_off_seconds,
            clock_refusal=situation.clock_refusal,
            floor_seconds=situation.floor_seconds,
            linked=situation.linked,
            told_here=situation.told_here,
        )
    )


def _hosts(addresses: Sequence[Address]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(host for host, _ in addresses))


async def _echo(interfaces: Sequence[str] | None) -> tuple[str, bool | None]:
    """Announce something and listen for it with a second socket: `(error, heard)`."""
    probe = f"doctor-{os.getpid()}"
    heard = asyncio.Event()
    try:
        ears = open_zeroconf(interfaces)
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__, None
    hears = partial(_note, service_name(probe), heard)
    try:
        await ears.zeroconf.async_wait_for_start()
        browser = AsyncServiceBrowser(ears.zeroconf, SERVICE_TYPE, handlers=[hears])
        # No id in its TXT record: nobody takes the probe for a device.
        async with Announcer(
            None, lambda: probe, 9, "doctor", interfaces=interfaces, is_device=False
        ):
            with suppress(TimeoutError):
                async with asyncio.timeout(LISTEN_SECONDS):
                    await heard.wait()
        await browser.async_cancel()
    finally:
        await ears.async_close()
    return "", heard.is_set()


def _note(
    wanted: str,
    heard: asyncio.Event,
    *,
    zeroconf: Zeroconf,
    service_type: str,
    name: str,
    state_change: ServiceStateChange,
) -> None:
    del zeroconf, service_type
    if name == wanted and state_change is not ServiceStateChange.Removed:
        heard.set()


class _Answers(asyncio.DatagramProtocol):
    """Notes who answers; what they say is not read."""

    def __init__(self) -> None:
        self.senders: set[str] = set()
        self._packets = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del data
        self._packets += 1
        if self._packets <= _PACKETS_MAX:
            self.senders.add(addr[0])


async def _answering(own: Sequence[OwnAddress]) -> tuple[str, ...]:
    """Ask all for their services; return which other machines answered.

    From a port of its own, so answers come to us alone and show their sender (RFC 6762, 6.7).
    """
    answers = _Answers()
    question = _question()
    loop = asyncio.get_running_loop()
    transports: list[asyncio.DatagramTransport] = []
    try:
        for one in own:
            if ":" in one.address:
                continue
            with suppress(OSError):
                transport, _ = await loop.create_datagram_endpoint(
                    lambda: answers, local_addr=(one.address, 0)
                )
                transports.append(transport)
                held: socket.socket = transport.get_extra_info("socket")
                held.setsockopt(
                    socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(one.address)
                )
        for _ in range(2):
            for transport in transports:
                transport.sendto(question, _GROUP)
            await asyncio.sleep(LISTEN_SECONDS / 2)
    finally:
        for transport in transports:
            transport.close()
    return tuple(sorted(answers.senders - {one.address for one in own}))


def _question() -> bytes:
    asked = DNSOutgoing(0)
    for name in ("_services._dns-sd._udp.local.", SERVICE_TYPE):
        asked.add_question(DNSQuestion(name, 12, 1))
    return asked.packets()[0]


async def _knock(
    devices: Sequence[Address],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Try a TCP connection to some devices: `(reached, refused, silent)`."""
    found: dict[str, list[str]] = {"reached": [], "refused": [], "silent": []}

    async def knock(host: str, port: int) -> None:
        found[await _open(host, port)].append(host)

    async with asyncio.TaskGroup() as knocks:
        for host, port in devices[:TRIED_MAX]:
            knocks.create_task(knock(host, port))
    return tuple(found["reached"]), tuple(found["refused"]), tuple(found["silent"])


async def _open(host: str, port: int) -> str:
    try:
        async with asyncio.timeout(REACH_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return "refused"
    except (OSError, TimeoutError):
        return "silent"
    writer.transport.abort()
    return "reached"


async def _listens(own: Sequence[OwnAddress], port: int | None) -> bool | None:
    """Whether our own agent takes connections at one of our addresses."""
    if port is None:
        return None
    reached, _, _ = await _knock([(one.address, port) for one in own if ":" not in one.address])
    return bool(reached)


def firewall(root: Path = Path("/")) -> str | None:
    """Name the active firewall as far as its files tell; "" for none, None: cannot be known."""
    if sys.platform != "linux":
        return None
    with suppress(OSError):
        if "ENABLED=yes" in (root / "etc/ufw/ufw.conf").read_text(errors="replace"):
            return "ufw"
    if (root / "run/firewalld").is_dir():
        return "firewalld"
    with suppress(OSError):
        # Rules of a bare nftables or iptables are readable by root only; the module is a hint.
        loaded = (root / "proc/modules").read_text(errors="replace")
        return None if "nft_reject" in loaded or "iptable_filter" in loaded else ""
    return None
