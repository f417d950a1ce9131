"""A teacher of one school asks for all that another has, by its real ids."""

import base64
import random
from typing import Any, Final

import blake3
import httpx
import msgspec

from central_mdm.contract.partage import ChunkRef, Manifest
from device_bridge.trust.identity import Identity, csr, new_key
from tests.attack.central import OTHER_SCHOOL, PASSWORD, THIEF, Web, two_schools
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import Ground
from tests.attack.kinds import Attack
from tests.attack.loot import told_of
from tests.heads import head, mark

CONTENT: Final = b"what Lina wrote"
STORE, LESSON, FILE, EVENT = "store-1", "lesson-1", "file-1", "event-1"
NOWHERE: Final = "nowhere"


class Honest:
    """The sample school's teacher, who keeps a file, an event, a device's head; and looks again."""

    def __init__(self, web: Web, told: dict[str, str]) -> None:
        self._web, self._told = web, told
        self.token = self.cursor = ""
        self.device: dict[str, Any] = {}
        self.key = new_key()

    async def works(self) -> None:
        web, told = self._web, self._told
        self.token = (await web.sign_in(told["school"], told["login"], told["password"]))["token"]
        self.device = await web.enrol(told["code"], csr(self.key, "dev"))
        name = blake3.blake3(CONTENT).hexdigest()
        put = await web.put(f"/api/chunks/{name}", CONTENT, self.token)
        assert put.status_code == httpx.codes.NO_CONTENT, put.text
        kept = await web.told("POST", "/api/files", self.token, file_of(FILE, told["pupil"]))
        assert kept["state"] == "kept", kept
        pushed = await web.told("POST", "/api/journal", self.token, events_of(EVENT))
        assert pushed["outcomes"][0]["state"] == "applied", pushed
        changes = await web.told("GET", "/api/changes?scope=class:5B", self.token)
        self.cursor = changes["cursor"]

    async def looks(self) -> tuple[bytes, int, int]:
        """Tell what the server gives back: the file, how far the journal goes, alarms."""
        read = await self._web.ask("GET", f"/api/files/{FILE}", self.token)
        asked: dict[str, object] = {"journal": STORE, "heads": []}
        heard = await self._web.told("POST", "/api/journal/heads", self.token, asked)
        return read.content, heard["held"], len(heard["alarms"])


def file_of(name: str, pupil: str, class_id: str = "5B") -> dict[str, Any]:
    chunk = ChunkRef(len(CONTENT), blake3.blake3(CONTENT).digest())
    manifest = msgspec.msgpack.encode(Manifest(1, "fixed-4m", len(CONTENT), (chunk,)))
    told = {"id": name, "lesson": LESSON, "class_id": class_id, "pupil": pupil, "name": "a.txt"}
    return {**told, "manifest": base64.b64encode(manifest).decode()}


def events_of(*ids: str) -> dict[str, Any]:
    same = {"origin": STORE, "lesson": LESSON, "kind": "lesson-started", "happened_at": 1}
    return {
        "events": [
            {**same, "id": name, "sequence": number, "hash": mark(number).hash, "body": {}}
            for number, name in enumerate(ids, 1)
        ]
    }


async def hostile(target: Target, _: random.Random) -> str:
    """Ask once by what the other school has and once by what nobody has: no answer may differ."""
    web, told = Web(target.address), dict(told_of(target))
    honest = Honest(web, told)
    await honest.works()
    before = await honest.looks()
    token = (await web.sign_in(OTHER_SCHOOL, THIEF, PASSWORD))["token"]
    theirs = Identity.of(honest.key, honest.device["certificate"].encode())
    device = honest.device["device"]
    mine = head(theirs, device, mark(5), school=OTHER_SCHOOL)
    real = head(theirs, device, mark(5), school=told["school"])
    bodies = [msgspec.to_builtins({"journal": STORE, "heads": [one]}) for one in (real, mine)]
    pairs: dict[str, tuple[tuple[str, str, Any], tuple[str, str, Any]]] = {
        "a file": (("GET", f"/api/files/{FILE}", None), ("GET", f"/api/files/{NOWHERE}", None)),
        "a class": (
            ("GET", f"/api/changes?scope=class:5B&cursor={honest.cursor}", None),
            ("GET", f"/api/changes?scope=class:{NOWHERE}", None),
        ),
        "whereabouts": (
            ("GET", "/api/whereabouts?class=5B", None),
            ("GET", f"/api/whereabouts?class={NOWHERE}", None),
        ),
        "a hand-in": (
            ("POST", "/api/files", file_of("mine-1", told["pupil"])),
            ("POST", "/api/files", file_of("mine-2", NOWHERE, NOWHERE)),
        ),
        "a certificate": (
            ("POST", "/api/renewals", {"csr": csr(honest.key, "dev")}),
            ("POST", "/api/renewals", {"csr": csr(new_key(), "dev")}),
        ),
        "a head": (
            ("POST", "/api/journal/heads", bodies[0]),
            ("POST", "/api/journal/heads", bodies[1]),
        ),
        "an event": (
            ("POST", "/api/journal", events_of(EVENT)),
            ("POST", "/api/journal", events_of(EVENT)),
        ),
    }
    said: list[str] = []
    for what, (of_theirs, of_nobody) in pairs.items():
        answers = [await web.ask(one[0], one[1], token, one[2]) for one in (of_theirs, of_nobody)]
        first, second = ((one.status_code, _plain(one)) for one in answers)
        if first != second:
            raise LetIn(f"{what}: {first} is not as for nobody's: {second}")
        if CONTENT in answers[0].content or told["pupil"].encode() in answers[0].content:
            raise LetIn(f"{what} could be had")
        said.append(f"{what} {first[0]}")
    if (after := await honest.looks()) != before or after[0] != CONTENT:
        raise LetIn(f"the other school was touched: {before} became {after}")
    await web.close()
    return f"the same answer as for nobody's: {', '.join(said)}; the other school is as before"


def _plain(answer: httpx.Response) -> str:
    """Leave out what the asker has said itself."""
    return answer.text.replace("mine-1", "").replace("mine-2", "").replace(NOWHERE, "5B")


async def run(ground: Ground, name: str) -> str:
    central = await two_schools(ground)
    sample = central.sample
    teacher, device = sample["teachers"][0], sample["devices"][0]
    told = {key: teacher[key] for key in ("login", "password")}
    told |= {"school": sample["school"], "code": device["code"], "pupil": device["pupil"]}
    async with central.serving() as server:
        return await ground.hostile(name, server, told=told)


ATTACK: Final = Attack(
    "mdm_another_school",
    (39,),
    "as a teacher of one school asks the MDM for all that another has, by its ids",
    hostile,
    run,
    every_time=False,
)
