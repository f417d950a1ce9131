"""A device says where it is, for as long as it listens."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Final, Self

from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from device_bridge.discovery.interfaces import (
    LOOK_SECONDS,
    OwnAddress,
    announced,
    keep_up,
    open_zeroconf,
    own_addresses,
)
from device_bridge.discovery.records import SERVICE_TYPE, instance_of, service_name, text_of

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5.0
HOST_SECONDS: Final = 120  # the TTL of records that name a host (RFC 6762, section 10)


class Announcer:
    """Announces one device while it is entered; says goodbye when left.

    `name` is what it is called now: asked at each look, for it changes with the day.
    `zeroconf` may be shared by up to 20 devices of a process (its owner moves it along and closes
    it); None opens one of its own on `interfaces`, which are own addresses; None: on all.
    `addresses` are what is announced; None: whatever the machine has, kept up to date. Where there
    is no network, nothing is announced, and it is tried again: the guard never hears of it, for
    without mDNS all works, slower. `is_device` False: a probe
    that nobody takes for a device. `look_seconds`: how often the machine's addresses are looked at.
    """

    def __init__(  # noqa: PLR0913 - what a record says and over what it goes
        self,
        zeroconf: AsyncZeroconf | None,
        name: Callable[[], str],
        port: int,
        kind: str = "",
        addresses: Sequence[str] | None = None,
        *,
        interfaces: Sequence[str] | None = None,
        is_device: bool = True,
        service_type: str = SERVICE_TYPE,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._shared = zeroconf
        self._name = name
        self._port = port
        self._fixed = tuple(addresses) if addresses else None
        self._interfaces = tuple(interfaces) if interfaces else None
        self._kind, self._is_device = kind, is_device
        self._type = service_type
        self._look_seconds = look_seconds
        self._said = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._task = self._tasks.create_task(self._live(), name="announce")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The group must see a cancellation, for it may be its own; others pass it by, unwrapped.
        # It cancels its task then, and twice would break off the closing of the sockets.
        if isinstance(error, asyncio.CancelledError):
            await self._tasks.__aexit__(kind, error, trace)
        else:
            if self._task is not None:
                self._task.cancel()
            await self._tasks.__aexit__(None, None, None)

    async def said(self) -> None:
        """Wait until the announcement is on the wire."""
        await self._said.wait()

    async def _live(self) -> None:
        while True:
            try:
                async with AsyncExitStack() as stack:
                    await self._announce(await self._zeroconf(stack))
            except OSError as error:
                log.info("not announced", extra={"why": str(error)})
                await asyncio.sleep(RETRY_SECONDS)

    async def _zeroconf(self, stack: AsyncExitStack) -> AsyncZeroconf:
        if self._shared is not None:
            return self._shared
        own = open_zeroconf(self._interfaces)
        stack.push_async_callback(own.async_close)
        # A cancellation would break its opening off half-way, and leave the sockets open.
        await asyncio.shield(own.zeroconf.async_wait_for_start())
        return own

    async def _announce(self, zeroconf: AsyncZeroconf) -> None:
        """Register, then follow day and addresses; take the record back when cancelled."""
        known = seen = own_addresses()
        info = self._info(known)
        told = await _register(zeroconf, info)
        try:
            while True:
                await told
                self._said.set()
                await asyncio.sleep(self._look_seconds)
                now = own_addresses()
                if self._shared is None and self._interfaces is None:
                    known = await keep_up(zeroconf, known, now)
                if service_name(self._name(), self._type) != info.name:
                    await _goodbye(zeroconf, info)
                    seen, info = now, self._info(now)
                    told = await _register(zeroconf, info)
                elif now != seen:
                    seen, info = now, self._info(now)
                    told = await zeroconf.async_update_service(info)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        finally:
            await _goodbye(zeroconf, info)

    def _info(self, own: Sequence[OwnAddress]) -> ServiceInfo:
        if self._interfaces:
            own = [one for one in own if one.address in self._interfaces]
        addresses = self._fixed or announced(own) or self._interfaces or ()
        name = self._name()
        return ServiceInfo(
            self._type,
            service_name(name, self._type),
            port=self._port,
            properties=text_of(name, self._kind) if self._is_device else {"k": self._kind},
            server=f"{instance_of(name)}.local.",
            parsed_addresses=list(addresses),
            host_ttl=HOST_SECONDS,
        )


async def _register(zeroconf: AsyncZeroconf, info: ServiceInfo) -> Awaitable[object]:
    # No probing: names are unique, and whoever squats on one must not silence its owner.
    told: Awaitable[object] = await zeroconf.async_register_service(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        info, cooperating_responders=True
    )
    return told


async def _goodbye(zeroconf: AsyncZeroconf, info: ServiceInfo) -> None:
    """Take the record back (TTL 0, RFC 6762, 10.1)."""
    if not zeroconf.zeroconf.done:
        with suppress(OSError):
            told: Awaitable[object] = await zeroconf.async_unregister_service(info)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            await told
