"""Carry devices' bundles to the MDM as no honest app would: altered, swapped, again, elsewhere."""

import asyncio
import random
import sqlite3
from contextlib import closing
from typing import Any, Final

import msgspec

from central_mdm.contract.carried import Bundle, Carry, Held, Told
from central_mdm.contract.fleet import Inventory
from device_bridge.trust.identity import School, csr, new_key
from device_bridge.trust.sealing import box_key, read_arrived, read_sealing, seal_told
from tests.attack.central import OTHER_SCHOOL, PASSWORD, THIEF, Central, Web, two_schools
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.loot import told_of
from tests.school import NOW

OLD, NEW, FORGED = "old model", "new model", "forged model"
NEVER: Final = "never carried"
PLACES: Final = 12
"""Of so many bundles one bit is turned, each at another place."""


class Device:
    """An honest device that does not meet the MDM; what it tells is told as its agent does."""

    def __init__(self, school: School, name: str, sealing: str) -> None:
        self.key, self.school, self.name = new_key(), school, name
        self._sealing = read_sealing(sealing, school).key

    def bundle(self, counter: int, model: str) -> bytes:
        box = box_key(self.key).public_key().public_bytes_raw().hex()
        inventory = Inventory("laptop", model=model)
        about = (self.name, self.school.id, counter, NOW, 0, box, model, inventory)
        return seal_told(Told(*about), self.key, self._sealing)[0]


class Carrier:
    """Whoever is signed in at the server, with whatever they have been given to carry."""

    def __init__(self, web: Web, token: str) -> None:
        self._web, self._token = web, token

    async def brings(self, *bundles: Bundle, held: tuple[Held, ...] = ()) -> dict[str, Any]:
        asked = msgspec.to_builtins(Carry(bundles, held))
        return await self._web.told("POST", "/api/carried", self._token, asked)

    async def is_refused(self, what: str, *bundles: Bundle) -> None:
        for answer in (await self.brings(*bundles))["answers"]:
            if answer.get("arrived") or not answer.get("refused"):
                raise LetIn(f"{what} was taken: {answer}")


async def arrived(carrier: Carrier, device: Device, sealed: bytes) -> int:
    """Return up to which counter the MDM holds what the device told, by its signed word."""
    (answer,) = (await carrier.brings(Bundle(device.name, sealed)))["answers"]
    return read_arrived(answer["arrived"], device.school, device.name).counter


async def enrolled(web: Web, school: School, code: str, sealing: str) -> Device:
    made = Device(school, "", sealing)
    made.name = (await web.enrol(code, csr(made.key, "dev")))["device"]
    return made


def altered(chance: random.Random, sealed: bytes) -> bytes:
    at = chance.randrange(len(sealed))
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


async def hostile(target: Target, chance: random.Random) -> str:
    web, told = Web(target.address), dict(told_of(target))
    signed = await web.sign_in(told["school"], told["login"], told["password"])
    school = School.pin(told["school"], signed["root"].encode())
    carrier = Carrier(web, signed["token"])
    sealing = (await carrier.brings())["sealing"]
    one, two = [await enrolled(web, school, told[code], sealing) for code in ("code", "code-2")]
    first, second, other = one.bundle(1, OLD), one.bundle(2, NEW), two.bundle(1, NEW)
    await carrier.is_refused(
        "an altered one", *(Bundle(one.name, altered(chance, second)) for _ in range(PLACES))
    )
    swapped = Bundle(one.name, other), Bundle(two.name, second)
    await carrier.is_refused("another device's", *swapped)
    forger = Device(school, one.name, sealing)
    await carrier.is_refused("a forged one", Bundle(one.name, forger.bundle(9, FORGED)))
    await elsewhere(web, carrier, one, second)
    counters = [await arrived(carrier, one, sealed) for sealed in (second, first, second)]
    if counters != [2, 2, 2]:
        raise LetIn(f"an older one took the newer one's place: {counters}")
    # What this carrier never brought, another does.
    colleague = await web.sign_in(told["school"], told["login-2"], told["password-2"])
    if await arrived(Carrier(web, colleague["token"]), two, two.bundle(3, NEVER)) != 3:
        raise LetIn("what one carrier dropped, no other may bring")
    await web.close()
    return f"{PLACES} altered, 2 swapped, a forged, an old, and another school's: none was taken"


async def elsewhere(web: Web, carrier: Carrier, one: Device, sealed: bytes) -> None:
    """Bring it to another school, and bring to this one what was made for that one."""
    signed = await web.sign_in(OTHER_SCHOOL, THIEF, PASSWORD)
    thief = Carrier(web, signed["token"])
    await thief.is_refused("one of another school", Bundle(one.name, sealed))
    back = await thief.brings(held=(Held(one.name, 0),))
    if back["wanted"]:
        raise LetIn("another school was given what is wanted of the device")
    other = School.pin(OTHER_SCHOOL, signed["root"].encode())
    claims = Device(other, one.name, back["sealing"]).bundle(9, FORGED)
    await carrier.is_refused("one sealed for another school", Bundle(one.name, claims))
    await thief.is_refused("a device that is not theirs", Bundle(one.name, claims))


def models(central: Central) -> set[str]:
    """Return what the MDM has been told of devices, out of its own database."""
    with closing(sqlite3.connect(central.folder / "central.db")) as database:
        told = database.execute("SELECT body FROM fleet_inventories").fetchall()
    every = (OLD, NEW, FORGED, NEVER)
    return {model for model in every if any(model.encode() in body for (body,) in told)}


async def run(ground: Ground, name: str) -> str:
    central = await two_schools(ground)
    sample = central.sample
    told = {"school": sample["school"]}
    for number, suffix in enumerate(("", "-2")):
        teacher, device = sample["teachers"][number], sample["devices"][number]
        told |= {f"{key}{suffix}": teacher[key] for key in ("login", "password")}
        told |= {f"code{suffix}": device["code"]}
    async with central.serving() as server:
        seen = await ground.hostile(name, server, told=told)
    if (found := await asyncio.to_thread(models, central)) != {NEW, NEVER}:
        raise Owed(f"the MDM was told {found}")
    return seen


ATTACK: Final = Attack(
    "mdm_carrier",
    (),
    "carries devices' bundles to the MDM altered, swapped, forged, again, and to another school",
    hostile,
    run,
    every_time=False,
)
