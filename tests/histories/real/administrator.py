"""Who runs the school: by the server's own API, and by the commands of `pupitre-mdm` beside it."""

import asyncio
import time
from typing import Any, Final

import httpx
from msgspec import DecodeError, Struct, json
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.contract.identity import SignedIn, SignIn
from central_mdm.contract.register import ClassPut, Move, Placing, Teaching
from central_mdm.contract.wanted import Declare, Declared, Order
from central_mdm.joining import ground_at
from central_mdm.platform.errors import Refusal
from central_mdm.platform.ground import Ground
from tests.histories.actors import ACTS, Acts
from tests.histories.network import URL
from tests.histories.real.child import ChildHere, ChildStage
from tests.histories.real.proxy import LATE_SECONDS
from tests.histories.stage import SCHOOL, Person
from tests.histories.told import Moving, Named, Naming, Wished

OFFICE: Final = Person("office", "office", "password of the office")
CODES: Final = "recovery-codes"
"""A file of them, a line each: each is good once, and no two sign-ins wait for one another."""
UNAUTHORIZED: Final = 401
CONFLICT: Final = 409
MAYBE_LATER: Final = frozenset({CONFLICT, 429, 500, 502, 503, 504})
"""Asked again, it may be done; a 409 may be that it is being done just now."""
IN_FLIGHT: Final = "in-flight"
_declared: Final = json.Decoder(Declared)
_signed: Final = json.Decoder(SignedIn)


class Problem(Struct):
    """What we want of a `problem+json`."""

    code: str = ""


class Declined(Exception):
    """The server has said why not."""


class Office:
    """One who is signed in, and asks until there is an answer, each act under one key."""

    def __init__(self, stage: ChildStage, http: httpx.AsyncClient) -> None:
        self._stage, self._http = stage, http
        self._token = ""
        self._codes = stage.run.folder / CODES

    async def ask(self, path: str, body: Struct) -> bytes:
        """Ask until it is done; return the answer. Raises Declined."""
        key = self._stage.world.new_id()
        while True:
            if not self._token:
                await self._sign_in()
            if not self._token:
                await self._stage.while_(5.0, 20.0)
                continue
            heads = {"authorization": f"Bearer {self._token}", "idempotency-key": f'"{key}"'}
            answer = await self._answer(path, body, heads)
            if answer is not None and answer.is_success:
                return answer.content
            if answer is not None and answer.status_code == UNAUTHORIZED:
                self._token = ""
            await self._stage.while_(5.0, 20.0)

    async def _sign_in(self) -> None:
        """Sign in by the next code. Raises Declined: there is none left, or no such person."""
        codes = self._codes.read_text().split()
        if not codes:
            raise Declined("no code left")
        asked = SignIn(SCHOOL, OFFICE.login, OFFICE.password, code=codes[0])
        answer = await self._answer("/api/sign-in", asked, {})
        if answer is None or not (answer.is_success or answer.status_code == UNAUTHORIZED):
            return
        # Refused, it was spent by a sign-in whose answer was lost.
        self._codes.write_text("\n".join(codes[1:]))
        if answer.is_success:
            self._token = _signed.decode(answer.content).token

    async def _answer(
        self, path: str, body: Struct, heads: dict[str, str]
    ) -> httpx.Response | None:
        """Return the server's answer; None where nobody answers, or somebody else does.

        Raises Declined where it will never be another.
        """
        heads = {"content-type": "application/json", **heads}
        try:
            answer = await self._http.post(URL + path, content=json.encode(body), headers=heads)
        except httpx.HTTPError:
            return None
        if "json" not in answer.headers.get("content-type", ""):
            return None
        status, code = answer.status_code, ""
        if answer.is_error and "problem" in answer.headers["content-type"]:
            code = json.decode(answer.content, type=Problem).code
        later = status in MAYBE_LATER and (status != CONFLICT or code == IN_FLIGHT)
        if answer.is_error and not later and status != UNAUTHORIZED:
            raise Declined(f"{status} {code}")
        return answer


class ByHttp(Acts):
    """What of `Acts` the API has; the ground is not touched."""

    def __init__(self, stage: ChildStage, office: Office) -> None:
        super().__init__(stage)
        self.office = office

    async def move_pupil(self, ground: Ground) -> None:
        del ground
        chance, made = self.scene.world.chance, self.scene.template
        left, joined = chance.sample(made.classes, 2)
        move = Move(chance.choice(made.pupils).id, left, joined)
        self.scene.hear(Moving(move.pupil, left))
        await self.office.ask("/api/admin/moves", move)

    async def move_device(self, ground: Ground) -> None:
        del ground
        chance, made = self.scene.world.chance, self.scene.template
        left, joined = chance.sample(made.classes, 2)
        told = Placing((chance.choice(made.devices).id,), left, joined)
        await self.office.ask("/api/admin/places", told)

    async def give_class(self, ground: Ground) -> None:
        del ground
        await self.office.ask("/api/admin/teaching", self._teaching())

    async def take_class(self, ground: Ground) -> None:
        del ground
        told = self._teaching(teaches=False)
        self.scene.hear(Moving(told.teacher, told.class_id))
        await self.office.ask("/api/admin/teaching", told)

    def _teaching(self, *, teaches: bool = True) -> Teaching:
        chance, made = self.scene.world.chance, self.scene.template
        return Teaching(chance.choice(made.teachers).id, chance.choice(made.classes), teaches)

    async def name_class(self, ground: Ground) -> None:
        del ground
        chance, made = self.scene.world.chance, self.scene.template
        told = ClassPut(f"Class {chance.randint(1, 99)}", chance.choice(made.classes))
        self.scene.hear(Naming(told.id, told.name))
        await self.office.ask("/api/admin/classes", told)
        self.scene.hear(Named(told.id, told.name))

    async def declare_policy(self, ground: Ground) -> None:
        """Declare a setting, of the school or of one device."""
        del ground
        chance = self.scene.world.chance
        scope: Any = chance.choice(("school", "device"))
        target = chance.choice(self.scene.template.devices).id if scope == "device" else ""
        told = Declare(scope, "screen_timeout", target, {"seconds": chance.randint(60, 900)})
        raw = await self.office.ask("/api/fleet/declarations", told)
        self.scene.hear(Wished(_declared.decode(raw).version))

    async def order(self, ground: Ground) -> None:
        """Order a message: each device shows it once at most."""
        del ground
        told = Order(self.scene.world.new_id(), "message", "school", text="Bring it at ten.")
        await self.office.ask("/api/fleet/orders", told)


BY_COMMANDS: Final = tuple(name for name in ACTS if name != "name_class")
"""A class is named by one hand: of two at once, nobody could say which was the last."""
BY_HTTP: Final = (
    *("move_pupil", "move_device", "give_class", "take_class", "name_class") * 2,
    *("declare_policy", "order") * 3,
)


async def live(stage: ChildStage) -> None:
    """Act until we are killed."""
    if stage.run.restarted:
        # What we asked before we were killed may still be on its way.
        await asyncio.sleep(2 * LATE_SECONDS * stage.run.slower)
    async with stage.client(ChildHere(stage.run)) as http, asyncio.TaskGroup() as tasks:
        tasks.create_task(_over_http(stage, ByHttp(stage, Office(stage, http))))
        tasks.create_task(_by_commands(stage))


async def _over_http(stage: ChildStage, acts: ByHttp) -> None:
    while True:
        await stage.while_(5.0, 60.0)
        await _one(stage, acts, stage.world.chance.choice(BY_HTTP), None)


async def _by_commands(stage: ChildStage) -> None:
    def clock() -> int:
        return int(time.time() + stage.run.ahead_seconds)

    while True:
        try:
            async with ground_at(stage.run.school, stage.run.database, clock) as ground:
                while True:
                    await stage.while_(5.0, 100.0)
                    await _one(stage, Acts(stage), stage.world.chance.choice(BY_COMMANDS), ground)
        except (SQLAlchemyError, OSError) as error:
            stage.world.tell("no ground", type(error).__name__)
            await stage.while_(10.0, 60.0)


async def _one(stage: ChildStage, acts: Acts, name: str, ground: Ground | None) -> None:
    try:
        await getattr(acts, name)(ground)
    except (SQLAlchemyError, OSError, Refusal, Declined, DecodeError) as error:
        stage.world.tell(type(acts).__name__, name, "failed", type(error).__name__, *error.args)
    else:
        stage.world.tell(type(acts).__name__, name, "done")
