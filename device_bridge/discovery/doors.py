"""Unpaired devices whose owners have opened their window, as mDNS tells of them.

A record makes nobody a device: it says where to try the code. Whoever floods us with records fills
a short list.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Never

from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo

from device_bridge.discovery.interfaces import open_zeroconf
from device_bridge.discovery.records import DOOR_TYPE
from device_bridge.discovery.sightings import Address, dialable
from device_bridge.discovery.writable import asked

log = logging.getLogger(__name__)
DOORS_MAX: Final = 100
LABEL_MAX: Final = 63
KIND_BYTES_MAX: Final = 16
ASK_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 5.0


class Doors:
    """Tells `heard` of each door, its addresses and `k`, and `gone` when its record ends.

    `k` says how it was opened, as `agent.guard.pairing` does: a hint, cut and no more.

    `interfaces` are own addresses to listen on; None: all.
    """

    def __init__(
        self,
        heard: Callable[[str, tuple[Address, ...], str], None],
        gone: Callable[[str], None],
        interfaces: Sequence[str] | None = None,
    ) -> None:
        self._heard, self._gone = heard, gone
        self._interfaces = tuple(interfaces) if interfaces else None
        self._known: set[str] = set()
        self._asking: asyncio.TaskGroup | None = None

    async def run(self) -> Never:
        """Browse until cancelled; without a network, try again."""
        while True:
            try:
                zeroconf = open_zeroconf(self._interfaces)
            except OSError as error:
                log.info("no doors heard", extra={"why": str(error)})
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                async with asyncio.TaskGroup() as self._asking:
                    browser = AsyncServiceBrowser(
                        zeroconf.zeroconf, DOOR_TYPE, handlers=[self._changed]
                    )
                    try:
                        await asyncio.Event().wait()
                    finally:
                        await browser.async_cancel()
            finally:
                self._asking = None
                await zeroconf.async_close()

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        """Hear zeroconf; its keyword arguments bear these names."""
        label = name[: -len(service_type) - 1]
        if state_change is ServiceStateChange.Removed:
            if label in self._known:
                self._known.discard(label)
                self._gone(label)
        elif self._asking and len(label) <= LABEL_MAX and len(self._known) < DOORS_MAX:
            self._known.add(label)
            self._asking.create_task(self._ask(zeroconf, name, label), name="door-ask")

    async def _ask(self, zeroconf: Zeroconf, name: str, label: str) -> None:
        info = AsyncServiceInfo(DOOR_TYPE, name)
        if not await asked(zeroconf, info, ASK_SECONDS):
            self._known.discard(label)
            return
        loopback = self._interfaces is not None and "127.0.0.1" in self._interfaces
        addresses = dialable(info.parsed_scoped_addresses(), info.port, loopback=loopback)
        if addresses:
            kind = (info.properties.get(b"k") or b"")[:KIND_BYTES_MAX].decode("ascii", "replace")
            self._heard(label, addresses, kind)
