"""The central MDM as one ASGI application: rooms joined over one ground."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, NamedTuple

from litestar import Litestar, Router, get
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.audited import acting_as
from central_mdm.fleet import api as fleet
from central_mdm.fleet import carried_api, wanted_api
from central_mdm.fleet.certified import certificates_of
from central_mdm.fleet.door import Door
from central_mdm.fleet.ended import take_back
from central_mdm.fleet.proving import by_pass
from central_mdm.fleet.rules import read_device
from central_mdm.fleet.seen import Seen
from central_mdm.fleet.standing import standings
from central_mdm.identity import administrators_api as administrators
from central_mdm.identity import api as identity
from central_mdm.identity import openid_api as openid
from central_mdm.identity.tokens import read_teacher
from central_mdm.journal import api as journal
from central_mdm.partage import api as partage
from central_mdm.platform.api import NO_TOKEN, OPEN, problems, tell
from central_mdm.platform.authentication import Authentication, Reader, Role
from central_mdm.platform.described import Lists
from central_mdm.platform.ground import Ground
from central_mdm.platform.once import Once
from central_mdm.platform.readiness import Readiness, Ready
from central_mdm.platform.requests import Layer
from central_mdm.roster import admin_api as register
from central_mdm.roster import api as roster

READERS: Final[dict[Role, Reader]] = {"teacher": read_teacher, "device": read_device}
BODY_BYTES_MAX: Final = 64 * 1024
ROOMS: Final = frozenset({"identity", "roster", "fleet", "journal", "partage"})
"""Each may be served by a process of its own."""


class Health(Struct, frozen=True):
    """The process answers; whether it should be sent requests says /ready."""

    ok: bool = True


class Joined(NamedTuple):
    """The application, and the door before it, which counts."""

    app: Litestar
    door: Door


def application(ground: Ground, only: Collection[str] = ROOMS) -> Litestar:
    """Join the rooms, for whoever needs no more than the application."""
    return join(ground, Readiness(ground, only), only).app


def join(
    ground: Ground,
    readiness: Readiness,
    only: Collection[str] = ROOMS,
    layers: Sequence[Layer] = (),
) -> Joined:
    """Join the rooms. Its lifespan runs what is gathered, and writes the last of it.

    `layers` lie around all rooms, behind the door, the last outermost.
    """
    seen, standing = Seen(ground.database), standings(ground.database)
    certificates = certificates_of(ground.database)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncGenerator[None, None]:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(seen.run(), name="last-seen")]
            running += [tasks.create_task(standing.run(), name="standing")]
            running += [tasks.create_task(door.tellings.run(), name="telling")]
            running += [tasks.create_task(certificates.run(), name="certified")]
            try:
                yield
            finally:
                for each in running:
                    each.cancel()
                # A flush under way gives back what it has not written.
                await asyncio.wait(running)
                with suppress(OSError, SQLAlchemyError):
                    await seen.flush()

    @get("/health", opt=OPEN, security=NO_TOKEN, responses=problems())
    async def health() -> Health:
        return Health()

    @get("/ready", opt=OPEN, security=NO_TOKEN, responses=problems())
    async def ready() -> Ready:
        return await readiness.check()

    rooms = {
        "identity": (
            identity.routes(ground, take_back),
            openid.routes(ground),
            administrators.routes(ground),
        ),
        "roster": (roster.routes(ground), register.routes(ground)),
        "fleet": (
            fleet.routes(ground, seen, certificates),
            wanted_api.routes(ground),
            carried_api.routes(ground),
        ),
        "journal": (journal.routes(ground),),
        "partage": (partage.routes(ground),),
    }
    bearers = by_pass(ground, standing)
    app = Litestar(
        [
            health,
            ready,
            *(router for name, routers in rooms.items() if name in only for router in routers),
        ],
        middleware=[
            DefineMiddleware(
                Authentication,
                ground=ground,
                readers=READERS.__getitem__,
                bearers=bearers,
                acting_as=partial(acting_as, ground),
            ),
            DefineMiddleware(Once, clock=ground.clock),
        ],
        exception_handlers={Exception: tell},
        lifespan=[lifespan],
        openapi_config=_openapi(),
        plugins=[Lists()],
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
    )
    rooms_here = app.asgi_handler
    for layer in layers:
        rooms_here = layer(rooms_here)
    app.asgi_handler = door = Door(
        rooms_here, ground, standing, certificates, seen, fleet="fleet" in only
    )
    return Joined(app, door)


def _openapi() -> OpenAPIConfig:
    """Describe the API, for holders of a token, like all but the doors."""
    bearer = SecurityScheme(type="http", scheme="bearer")
    return OpenAPIConfig(
        title="Pupitre, the central side",
        version="1",
        components=Components(security_schemes={"bearer": bearer}),
        security=[{"bearer": []}],
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router("/schema", route_handlers=[], include_in_schema=False),
    )
