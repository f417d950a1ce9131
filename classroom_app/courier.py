"""Between devices that do not meet the school's MDM, and the MDM: this app carries, sealed.

What a device tells is kept until the MDM has answered, what is wanted of a device until its next
link. This app can neither read nor alter it; what it loses another teacher's app brings.
"""

import logging
from collections.abc import Callable, Collection
from typing import Final, Protocol

from central_mdm.contract.carried import BUNDLES_MAX, HELD_MAX, Bundle, Carried, Carry, Held
from classroom_app.cloud.errors import Refused
from classroom_app.domain.lesson import DeviceId
from classroom_app.storage.carrying import CarriedHere
from device_bridge.protocol.carrying import Brought, BundleGiven
from device_bridge.protocol.hello import Welcome
from device_bridge.protocol.messages import FromDevice

log = logging.getLogger(__name__)
OLDER: Final = "no-such-path"


class Carries(Protocol):
    """The school's server (`cloud.client.Cloud`)."""

    async def carry(self, asked: Carry) -> Carried: ...


class Keeps(Protocol):
    """See `storage.carrying`."""

    async def carried_for(self, device: str) -> tuple[str, CarriedHere]: ...
    async def keep_bundle(self, device: str, sealed: bytes) -> None: ...
    async def to_carry(
        self, bundles_max: int, held_max: int
    ) -> tuple[tuple[Bundle, ...], tuple[Held, ...]]: ...
    async def carried(self, sent: Collection[Bundle], back: Carried) -> None: ...


class Tells(Protocol):
    def tell(self, device: str, message: Brought) -> None: ...


class Courier:
    """A feature as `services.hearing.Takes` has it. `given` hears that there is a bundle."""

    def __init__(
        self, cloud: Carries, store: Keeps, devices: Tells, given: Callable[[], None]
    ) -> None:
        self._cloud, self._store, self._devices, self._given = cloud, store, devices, given
        self._met: set[str] = set()
        self._unsealed: set[str] = set()
        """Linked while there was nothing to seal by."""

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        match message:
            case Welcome():
                self._met.add(device)
                await self._bring(device)
            case BundleGiven(sealed) if sealed:
                await self._store.keep_bundle(device, sealed)
                self._given()
            case _:
                pass

    async def exchange(self) -> None:
        """Ask the MDM once, in each turn of the sync. Raises CloudError or NotKept."""
        bundles, held = await self._store.to_carry(BUNDLES_MAX, HELD_MAX)
        if not (bundles or held):
            return
        try:
            back = await self._cloud.carry(Carry(bundles, held))
        except Refused as error:
            if error.code != OLDER:
                raise
            return  # an older central side, which takes nothing so
        for why in {answer.refused for answer in back.answers if answer.refused}:
            log.info("bundle refused", extra={"why": why})
        await self._store.carried(bundles, back)
        news = {one.device for one in (*back.answers, *back.wanted)}
        news, self._unsealed = (news & self._met) | self._unsealed, set()
        for device in sorted(news):
            await self._bring(device)

    async def _bring(self, device: str) -> None:
        """Tell it where it is linked; else at its next link."""
        sealing, kept = await self._store.carried_for(device)
        if not sealing:
            self._unsealed.add(device)
            return
        self._devices.tell(device, Brought(sealing, kept.arrived, kept.wanted))
