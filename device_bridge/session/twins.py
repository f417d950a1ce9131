"""Two machines with one key: whoever copied a device's folder answers beside it, elsewhere.

A certificate does not tell them apart; that they started at different times does. So the other
addresses that a linked device is said to have are asked, now and then, which start answers there.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn

from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.hello import Hello, Welcome
from device_bridge.protocol.messages import decode_from_device, encode
from device_bridge.session.dial import Address, dial
from device_bridge.session.wire import Judge

LOOK_SECONDS: Final = 30.0
"""Between two looks at most, at least half of it. Not at once: a class that comes up together is
busy enough. A flood of forged addresses buys no more than `ADDRESSES_MAX` dials in this time."""
ANSWER_SECONDS: Final = 5.0


async def look_for_twins(
    boot: str,
    addresses: Callable[[], Sequence[Address]],
    boot_at: Callable[[Address], Awaitable[str]],
    found: Callable[[], None],
    alone: Callable[[], None],
    jitter: Callable[[], float],
) -> NoReturn:
    """Say `found` whenever another start than `boot` answers twice running, `alone` when none does.

    Until cancelled.

    `jitter`, drawn from 0.5 to 1.0, spreads the looks: sixty handshakes at once are half a second
    in which nobody is locked.
    `addresses`: where the device may be, but for where it is linked. Once may be the device itself,
    which has just started anew while its old link is not known to be dead.
    """
    own: set[Address] = set()
    doubted: set[Address] = set()
    while True:
        await asyncio.sleep(LOOK_SECONDS * jitter())
        asked = [address for address in addresses() if address not in own]
        answers = {address: await boot_at(address) for address in asked}
        others = {address for address, answer in answers.items() if answer not in {"", boot}}
        if others & doubted:
            found()
        elif not others:
            alone()
        doubted = others
        own = (own & set(addresses())) | {a for a, answer in answers.items() if answer == boot}


async def boot_at(address: Address, context: ssl.SSLContext, judge: Judge, hello: Hello) -> str:
    """Tell which start of the device that `judge` knows answers at an address; "": none does."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            lane, _ = await dial([address], "/control", context, judge)
            try:
                await lane.send(encode(hello))
                answer = decode_from_device(await lane.receive())
            finally:
                await lane.close()
    except (OSError, DeviceError):
        return ""
    return answer.boot if isinstance(answer, Welcome) else ""
