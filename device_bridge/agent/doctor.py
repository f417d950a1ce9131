"""`pupitre-agent doctor`: what this device knows of itself, joined to a look at the network."""

import ssl
import time
from contextlib import suppress
from typing import Final

import httpx
from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard import kept
from device_bridge.agent.guard.central import Client, web_client
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.mdm import read_fleet
from device_bridge.agent.guard.status import ask_status
from device_bridge.discovery.doctor import Check, Evidence, clock_check
from device_bridge.discovery.examine import Situation, examine
from device_bridge.protocol.errors import DeviceError
from device_bridge.server_clock import ahead_seconds

# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_REFUSALS: Final = {9: "early", 10: "late"}


class Told(Struct, frozen=True):
    """What a server's answer says of our clock. `off_seconds`: by how much ours is ahead of it.

    `refusal`: its certificate is not valid by our clock, "early" or "late".
    """

    off_seconds: float | None = None
    refusal: str = ""


async def look(folder: Folder, server: str = "") -> tuple[Check, ...]:
    """Look for some seconds. `server`: the MDM's address, where enrolment has not kept it."""
    status = await ask_status(folder)
    told = await ask_clock(server or _server_of(folder))
    return await examine(
        Situation(
            port=status.port if status else None,
            linked=status.links if status else (),
            clock_off_seconds=told.off_seconds,
            clock_refusal=told.refusal,
            floor_seconds=_floor(folder),
        )
    )


async def clock_at(folder: Folder, server: str) -> Check:
    """Judge this device's clock alone, as enrolment does."""
    told = await ask_clock(server)
    return clock_check(
        Evidence(
            own=(),
            wall_seconds=time.time(),
            clock_off_seconds=told.off_seconds,
            clock_refusal=told.refusal,
            floor_seconds=_floor(folder),
        )
    )


async def ask_clock(server: str, client: Client = web_client) -> Told:
    """Ask what time it is there; any answer has a Date (RFC 9110, 6.6.1). It is only told."""
    if not server:
        return Told()
    try:
        async with client() as http, http.stream("GET", f"{server.rstrip('/')}/api/") as answer:
            ahead = ahead_seconds(answer.headers.get("date", ""), time.time())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Told(refusal=_refusal(error))
    except OSError:
        return Told()
    return Told(None if ahead is None else -ahead)


def _refusal(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _REFUSALS.get(error.verify_code, "")
        error = error.__cause__ or error.__context__
    return ""


def _server_of(folder: Folder) -> str:
    """Return where enrolment was; another's folder may not be read by whoever asks."""
    with suppress(DeviceError, OSError):
        if fleet := read_fleet(folder):
            return fleet.server
    return ""


def _floor(folder: Folder) -> float:
    """Return the latest moment that the school is known to have signed; 0: none."""
    floor = 0.0
    with suppress(DeviceError, OSError):
        floor = kept.read(folder, system_clock()).floor_seconds
        if assignment := read_enrolment(folder).assignment:
            floor = max(floor, assignment.issued_at)
    return floor
