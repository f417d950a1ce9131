"""Bring a device what the MDM never sent it, sent long ago, or sent to another device."""

import asyncio
import random
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_mdm.contract.carried import ARRIVED_TYPE, SEALING_TYPE, Arrived, Sealing, down_info
from central_mdm.contract.wanted import URGENT_TYPE, WANTED_TYPE, Urgent, Wanted
from central_mdm.identity.sealing import seal, sealing_key
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.carrying import read_carried
from device_bridge.agent.guard.journal import read_entries
from device_bridge.protocol.carrying import Brought
from device_bridge.protocol.hello import Hello, Welcome
from device_bridge.protocol.messages import encode
from device_bridge.session.wire import Lane
from device_bridge.trust.grants import sign
from device_bridge.trust.identity import key_of_pem, new_key
from device_bridge.trust.sealing import box_key
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.attack.loot import told_of
from tests.orders import Orders
from tests.school import SmallSchool
from tests.teaching import now

DEVICE, OTHER = "dev-1", "dev-2"
HELD, OLDER, LIE = 5, 4, 1000
"""Versions: what the MDM really sent first, and what a carrier would have the device take."""
COUNTER: Final = 99
SECONDS: Final = 20.0
TURN_SECONDS: Final = 0.02


class Mdm:
    """Signs and seals as the MDM does, by the school's key, which no carrier has.

    `box`: by which key the device is written to, as its bundles say.
    """

    def __init__(self, school: SmallSchool, box: str) -> None:
        self.school, self.box = school, box

    def sealing(self) -> str:
        public = sealing_key(self.school.key).public_key().public_bytes_raw().hex()
        return sign(Sealing(self.school.id, public, now()), SEALING_TYPE, self.school.key)

    def arrived(self, device: str) -> str:
        told = Arrived(device, self.school.id, COUNTER, "ab" * 32, now())
        return sign(told, ARRIVED_TYPE, self.school.key)

    def wanted(self, version: int, device: str = DEVICE, school: str = "") -> str:
        told = Wanted(device, school or self.school.id, version, now())
        return sign(told, WANTED_TYPE, self.school.key)

    def sealed(self, token: str, device: str = DEVICE, box: str = "") -> bytes:
        raw = seal(token.encode(), box or self.box, down_info(self.school.id, device))
        assert raw
        return raw

    def brought(self, version: int) -> Brought:
        return Brought(self.sealing(), "", self.sealed(self.wanted(version)))


def box_of(key: Ed25519PrivateKey) -> str:
    return box_key(key).public_key().public_bytes_raw().hex()


def false(mdm: Mdm, chance: random.Random) -> dict[str, Brought]:
    """Make what a carrier could bring that the MDM has not sent this device, or not lately."""
    good, sealing = mdm.sealed(mdm.wanted(LIE)), mdm.sealing()
    others = Mdm(SmallSchool(mdm.school.id, new_key()), mdm.box)
    missing = Urgent(DEVICE, mdm.school.id, LIE, now(), lost="Call 12")
    at = chance.randrange(len(good))
    wanted = {
        "altered": good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :],
        "older": mdm.sealed(mdm.wanted(OLDER)),
        "another device's": mdm.sealed(mdm.wanted(LIE, OTHER)),
        "sealed for another": mdm.sealed(mdm.wanted(LIE), OTHER),
        "for another's key": mdm.sealed(mdm.wanted(LIE), box=box_of(new_key())),
        "another school's": mdm.sealed(mdm.wanted(LIE, school="elsewhere")),
        "forged": others.sealed(others.wanted(LIE)),
        "urgent": mdm.sealed(sign(missing, URGENT_TYPE, mdm.school.key)),
    }
    return {name: Brought(sealing, "", sealed) for name, sealed in wanted.items()} | {
        "under a key of its own": Brought(others.sealing(), "", others.sealed(others.wanted(LIE))),
        "word of another's arrival": Brought(sealing, mdm.arrived(OTHER)),
        "a forged word of arrival": Brought(sealing, others.arrived(DEVICE)),
    }


async def linked(target: Target) -> tuple[Lane, Orders]:
    colleague = target.school.identity("teacher", "teacher-7")
    lane = await dialled(target, colleague)
    grant = target.school.grant(colleague, name="teacher-7", issued_at=now())
    welcome = await answered(lane, Hello(1, 1, "x", grant))
    if not isinstance(welcome, Welcome):
        raise LetIn(f"a good hello was answered by {type(welcome).__name__}")
    return lane, Orders(welcome, "")


async def settled(folder: Folder, sent: list[int]) -> list[int]:
    """Return what was taken, once the newest of what was sent is among it, or one that was not."""
    async with asyncio.timeout(SECONDS):
        while set(found := taken(folder)) < set(sent):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(TURN_SECONDS)
    return found


def taken(folder: Folder) -> list[int]:
    """Return the versions that the device took from carriers, by its own journal."""
    entries = read_entries(folder)
    return [int(one.facts["version"]) for one in entries if one.kind == "carried-here"]


async def hostile(target: Target, chance: random.Random) -> str:
    """After each lie bring what the MDM sent: they are in order, so the lie has had its turn."""
    folder = Folder(Path(told_of(target)["folder"]))
    mdm = Mdm(target.school, box_of(key_of_pem(folder.key.read_bytes())))
    (lane, orders), sent = await linked(target), [HELD]
    await lane.send(encode(orders.order(mdm.brought(HELD))))
    lies = false(mdm, chance)
    for name, lie in lies.items():
        await lane.send(encode(orders.order(lie)))
        sent.append(sent[-1] + 1)
        await lane.send(encode(orders.order(mdm.brought(sent[-1]))))
        if (found := await settled(folder, sent)) != sent:
            raise LetIn(f"{name}: the device took {found}, and was sent {sent}")
    await lane.close()
    if (counter := read_carried(folder).counter) >= COUNTER:
        raise LetIn(f"it believes that {counter} of its bundles arrived")
    return f"it took nothing that was {', '.join(lies)}"


ATTACK: Final = Attack(
    "a_false_carrier",
    (),
    "brings a device old, altered, forged and others' words of the MDM, and a key of its own",
    hostile,
    every_time=False,
)
