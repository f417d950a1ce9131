"""Finding the one address of many at which a device really is.

Addresses come unproved (mDNS, typed, last known): the certificate decides. They are tried a
quarter of a second apart or as soon as one fails, in the order given (after RFC 8305, section 5).
"""

import asyncio
import ssl
from collections.abc import Container, Sequence
from typing import Final

from device_bridge.protocol.errors import DeviceError, NotPaired
from device_bridge.session.wire import HungUp, Judge, Lane, Path, dial_lane
from device_bridge.trust.accept import Peer, accept
from device_bridge.trust.identity import School

CONNECT_SECONDS: Final = 2.0
"""On a LAN a device answers in milliseconds; one that does not is asleep or not there."""
STAGGER_SECONDS: Final = 0.25
Address = tuple[str, int]


class Unreachable(ConnectionError):
    """None of the addresses answered."""


class OtherDevice(NotPaired):
    """Somebody of our school answered, but not the device we want."""


def judge_device(
    device: str, school: School, floor_seconds: float, denied: Container[str] = ()
) -> Judge:
    """Make the judge of a dialled peer: a device of our school, and this one."""

    def judge(der: bytes | None) -> Peer:
        peer = accept(der, school, floor_seconds, "device", denied)
        if peer.party.id != device:
            raise OtherDevice("another device answered")
        return peer

    return judge


async def dial(
    addresses: Sequence[Address], path: Path, context: ssl.SSLContext, judge: Judge
) -> tuple[Lane, Address]:
    """Open a lane at the first address that proves to be the device.

    Raises the most telling failure: NotPaired or HungUp where somebody answered, else Unreachable.
    """
    race = _Race(path, context, judge)
    if len(addresses) == 1:
        await race.attempt(0, addresses[0])
        return race.result()
    async with asyncio.TaskGroup() as tries:
        for place, address in enumerate(addresses):
            task = tries.create_task(race.attempt(place, address), name=f"dial-{place}")
            race.running.append(task)
    return race.result()


async def who_is_at(
    address: Address,
    context: ssl.SSLContext,
    school: School,
    floor_seconds: float,
    denied: Container[str] = (),
) -> str:
    """Return the id of the device of our school that proves itself at an address a person typed.

    Raises as `dial` does.
    """

    def judge(der: bytes | None) -> Peer:
        return accept(der, school, floor_seconds, "device", denied)

    lane, _ = await dial([address], "/control", context, judge)
    lane.abort()
    return lane.peer.party.id


class _Race:
    def __init__(self, path: Path, context: ssl.SSLContext, judge: Judge) -> None:
        self._path: Path = path
        self._context, self._judge = context, judge
        self.running: list[asyncio.Task[None]] = []
        self.won: tuple[Lane, Address] | None = None
        self.telling: DeviceError | HungUp | None = None
        self._failed = [asyncio.Event()]

    async def attempt(self, place: int, address: Address) -> None:
        own = asyncio.Event()
        self._failed.append(own)
        try:
            await self._wait_for_turn(place)
            async with asyncio.timeout(CONNECT_SECONDS):
                lane = await dial_lane(address, self._path, self._context, self._judge)
        except DeviceError as error:
            self.telling = error
        except HungUp as error:
            self.telling = self.telling or error
        except OSError:  # TimeoutError is one
            pass
        else:
            self._win(lane, address, place)
        finally:
            own.set()

    def result(self) -> tuple[Lane, Address]:
        if self.won is None:
            raise self.telling or Unreachable("no address answered")
        return self.won

    async def _wait_for_turn(self, place: int) -> None:
        for before in self._failed[1 : place + 1]:
            if before.is_set():
                continue
            try:
                async with asyncio.timeout(STAGGER_SECONDS):
                    await before.wait()
            except TimeoutError:
                pass

    def _win(self, lane: Lane, address: Address, place: int) -> None:
        if self.won is not None:
            lane.abort()  # two in one turn of the loop
            return
        self.won = lane, address
        for other, task in enumerate(self.running):
            if other != place:
                task.cancel()
