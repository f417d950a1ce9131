"""Ask every route of the MDM's own router without a login, or with one that is not for it."""

import asyncio
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from litestar import Litestar
from litestar.routes import HTTPRoute

from central_mdm.app import application
from central_mdm.joining import ground_at
from tests.attack.central import OTHER_SCHOOL, PASSWORD, THIEF, Web, two_schools
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import Ground
from tests.attack.kinds import Attack
from tests.attack.loot import told_of
from tests.mdm import new_request

OPEN: Final = {
    "/health",
    "/ready",
    "/api/sign-in",
    "/api/sign-in-ways",
    "/api/openid",
    "/api/openid/code",
    "/api/refresh",
    "/api/enrolments",
    "/api/proofs",
}
ROUTES_MIN: Final = 16
NO: Final = {401, 403, 404}


class Door(NamedTuple):
    """`who`: whose it is; empty: any holder's of a token."""

    method: str
    path: str
    who: str


def doors(app: Litestar) -> Iterator[Door]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            path = route.path.replace("{name:str}", "0" * 64).replace("{file:str}", "f")
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    yield Door(str(method), path, str(handler.opt.get("who", "")))


async def hostile(target: Target, _: random.Random) -> str:
    """Sign in while that is still allowed and keep the token; the next time, use all there is."""
    web, told = Web(target.address), told_of(target)
    teacher = await web.sign_in(told["school"], told["login"], told["password"])
    if kept := told.get("token"):
        await asyncio.to_thread(Path(kept).write_text, teacher["token"])
        await web.close()
        return "signed in"
    with tempfile.TemporaryDirectory(prefix="pupitre-routes-") as made:
        async with ground_at(Path(made), "") as own:
            found = sorted(set(doors(application(own))))
    school, thief = told["school"], (await web.sign_in(OTHER_SCHOOL, THIEF, PASSWORD))["token"]
    device = await web.enrol(told["code"], new_request())
    never = {
        "nobody": "",
        "a forger": f"t.{'x' * 43}.{school}",
        "a forger of devices": f"d.{'x' * 43}.{school}",
        "another school's": thief.removesuffix(OTHER_SCHOOL) + school,
        "who was ended": told["ended"],
        "a refresh token": teacher["refresh"],
    }
    asked = 0
    for door in found:
        if door.path in OPEN:
            continue
        whose = {"teacher": device["token"], "device": teacher["token"], "": ""}[door.who]
        for who, token in {**never, "the other role": whose}.items():
            asked += 1
            answer = await web.ask(door.method, door.path, token)
            if answer.status_code not in NO:
                raise LetIn(f"{who} at {door}: {answer.status_code} {answer.text[:200]}")
    await web.close()
    closed = len({door.path for door in found} - OPEN)
    if len(found) < ROUTES_MIN:
        raise LetIn(f"only {len(found)} routes were found, so not all was tried")
    return f"{asked} requests to {closed} closed routes refused; open: {len(OPEN)}"


async def run(ground: Ground, name: str) -> str:
    central = await two_schools(ground)
    sample = central.sample
    teacher, ended = sample["teachers"][:2]
    token = ground.folder / "token"
    told = {
        "school": sample["school"],
        "login": teacher["login"],
        "password": teacher["password"],
        "code": sample["devices"][0]["code"],
    }
    async with central.serving() as server:
        before = {**told, "token": str(token), "login": ended["login"]}
        await ground.hostile(name, server, told={**before, "password": ended["password"]})
        await central.do("end", "--school", sample["school"], "--teacher", ended["id"])
        ended_token = await asyncio.to_thread(token.read_text)
        return await ground.hostile(name, server, told={**told, "ended": ended_token})


ATTACK: Final = Attack(
    "mdm_routes",
    (38,),
    "asks every route of the MDM's router as nobody, a forger, another school's, ended, other role",
    hostile,
    run,
    every_time=False,
)
