"""Offer the MDM what is older or forked, and have an old backup of it put back in its place."""

import random
from typing import Any, Final

import msgspec

from central_mdm.contract.heads import Mark, SignedHead
from device_bridge.trust.grants import read_deny_list
from device_bridge.trust.identity import Identity, School, csr, key_of_pem, key_to_pem, new_key
from tests.attack.central import Web, two_schools
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import Ground
from tests.attack.kinds import Attack
from tests.attack.loot import told_of
from tests.heads import head, mark

STORE, LESSON = "store-1", "lesson-1"
FAR, SHORT = 9, 5
BEFORE, AFTER = "before", "after"
FUTURE: Final = 2**41
"""The number of a deny list that a server which is put back has never heard of."""
CHANGED: Final = "lesson-over"


class Thief:
    """Holds a device's key and token, and a teacher's login; speaks for both."""

    def __init__(self, web: Web, told: dict[str, str]) -> None:
        self._web, self._told = web, told
        self._key = key_of_pem(told["key"].encode())
        self.teacher: dict[str, Any] = {}
        self._device: dict[str, Any] = {}

    async def sign_in(self) -> None:
        told = self._told
        self.teacher = await self._web.sign_in(told["school"], told["login"], told["password"])

    async def enrol(self) -> None:
        self._device = await self._web.enrol(self._told["code"], csr(self._key, "dev"))

    async def bring(self, *marks: tuple[Mark, Mark]) -> tuple[list[str], int, set[str]]:
        """Sign heads with the device's own key; tell the answers, how far, and the alarms."""
        identity = Identity.of(self._key, self._device["certificate"].encode())
        heads = [self._head(identity, *each) for each in marks]
        told = msgspec.to_builtins({"journal": STORE, "heads": heads})
        token = self.teacher["token"]
        said = await self._web.told("POST", "/api/journal/heads", token, told)
        codes = [one["code"] for one in said["outcomes"]]
        return codes, said["outcomes"][-1]["count"], {one["code"] for one in said["alarms"]}

    def _head(self, identity: Identity, newest: Mark, earlier: Mark) -> SignedHead:
        device, school = self._device["device"], self._told["school"]
        return head(identity, device, newest, earlier, school=school)

    async def push(self, name: str, kind: str, sequence: int = 1) -> dict[str, Any]:
        event = {"id": name, "origin": STORE, "sequence": sequence, "lesson": LESSON, "kind": kind}
        event |= {"happened_at": 1, "hash": mark(sequence).hash, "body": {}}
        told = {"events": [event]}
        said = await self._web.told("POST", "/api/journal", self.teacher["token"], told)
        return said["outcomes"][0]

    async def listed(self, held: int) -> tuple[int, int]:
        """Say which list app and device are given who say that they hold this one; 0: none."""
        token = self.teacher["token"]
        app = await self._web.told("GET", f"/api/trust?deny_list={held}", token)
        asked = {"deny_list": held}
        device = await self._web.told("POST", "/api/check-in", self._device["token"], asked)
        return self._number(app["deny_list"]), self._number(device.get("deny_list", ""))

    def _number(self, statement: str) -> int:
        school = School.pin(self._told["school"], self.teacher["root"].encode())
        return read_deny_list(statement, school).number if statement else 0

    async def offers_what_is_older(self) -> None:
        """Say what was never so, by keys that are good."""
        far, short = mark(FAR), mark(SHORT)
        assert await self.bring((short, Mark()), (far, short)) == (["", ""], FAR, set())
        forked = (mark(FAR, "b"), short), (mark(FAR + 3), mark(FAR, "b"))
        said = await self.bring((short, Mark()), *forked)
        owed = ["shorter-head", "forked-head", "forked-head"], FAR, {"shorter-head", "forked-head"}
        if said != owed:
            raise LetIn(f"older heads were answered with {said}")
        await self.push("event-1", "lesson-started")
        again, taken = await self.push("event-1", CHANGED), await self.push("event-2", CHANGED)
        if again["state"] != "applied" or taken["reason"] != "sequence-taken":
            raise LetIn(f"an event was written over: {again}, {taken}")

    async def asks_for_what_is_older(self) -> None:
        """Hold any number of a list, also one that never was, and be given none but the newest."""
        newest, _ = await self.listed(0)
        if not newest:
            raise LetIn("who holds no list was given none")
        owed = {0: newest, 1: newest, newest: 0, FUTURE: 0}
        for held, number in owed.items():
            if (given := await self.listed(held)) != (number, number):
                raise LetIn(f"who holds list {held} was given {given}")


async def hostile(target: Target, _: random.Random) -> str:
    web, told = Web(target.address), dict(told_of(target))
    thief = Thief(web, told)
    await thief.sign_in()
    await thief.enrol()
    if told["part"] == BEFORE:
        await thief.offers_what_is_older()
        await thief.asks_for_what_is_older()
        await web.close()
        return "shorter and forked heads refused with an alarm, events kept as they were"
    if any(given := await thief.listed(FUTURE)):
        raise LetIn(f"the server that was put back gives an older list: {given}")
    codes, far, _alarms = await thief.bring((mark(FAR), mark(SHORT)), (mark(SHORT), Mark()))
    if codes != ["", "shorter-head"] or far != FAR:
        raise LetIn(f"the journal was taken back: {codes}, {far}")
    await web.close()
    return "put back from a backup it gives no older list, and takes the longer head again"


async def run(ground: Ground, name: str) -> str:
    central = await two_schools(ground)
    sample, key = central.sample, key_to_pem(new_key()).decode()
    teacher, devices = sample["teachers"][0], sample["devices"]
    told = {name: teacher[name] for name in ("login", "password")}
    told |= {"school": sample["school"], "key": key, "part": BEFORE}
    await central.do("end", "--school", sample["school"], "--all-grants")
    backup = central.copied("backup")
    await central.do("end", "--school", sample["school"], "--all-grants")
    async with central.serving() as server:
        first = await ground.hostile(name, server, told={**told, "code": devices[0]["code"]})
    async with backup.serving() as server:
        later = {**told, "part": AFTER, "code": devices[0]["code"]}
        return f"{first}; {await ground.hostile(name, server, told=later)}"


ATTACK: Final = Attack(
    "mdm_old_word",
    (40,),
    "offers the MDM shorter and forked journals, and has an old backup put back in its place",
    hostile,
    run,
    every_time=False,
)
