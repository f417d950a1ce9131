"""The strings of simulated pupils: a local socket over which a test or the demo lets them act.

JSON lines: `{"device", "do", …}`; the answer holds `error` where it could not be done. It can do
what a pupil, a cable or an unwilling desktop can, and nothing else.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from device_bridge.agent.local_socket import address_of
from device_bridge.protocol.seat import PupilActed
from device_bridge.simulator.capabilities import Refusal
from device_bridge.simulator.pupil import SimulatedPupil

REQUEST_BYTES_MAX: Final = 64 * 1024
SOCKET: Final = "control.sock"


class HandUp(Struct, frozen=True, tag_field="do", tag="hand-up"):
    device: str


class HandDown(Struct, frozen=True, tag_field="do", tag="hand-down"):
    device: str


class Words(Struct, frozen=True, tag_field="do", tag="words"):
    device: str
    text: str


class Reply(Struct, frozen=True, tag_field="do", tag="reply"):
    """An answer to the newest notice on the pupil's screen."""

    device: str
    text: str


class TakeSeat(Struct, frozen=True, tag_field="do", tag="seat"):
    """The pupil picks a name from the list."""

    device: str
    pupil: str


class Refuse(Struct, frozen=True, tag_field="do", tag="refuse"):
    """Let a capability of the desktop refuse what it is told next."""

    device: str
    refusal: Refusal


class CutAt(Struct, frozen=True, tag_field="do", tag="cut-at"):
    """Pull the cable once so many more bytes of documents have come."""

    device: str
    bytes: Annotated[int, Meta(ge=1)]


class Cuts(Struct, frozen=True, tag_field="do", tag="cuts"):
    """Ask how often the cable was pulled; the answer holds `cuts`."""

    device: str


Act = HandUp | HandDown | Words | Reply | TakeSeat | Refuse | CutAt
Request = Act | Cuts
_decode: Final = msgspec.json.Decoder[Request](Request).decode


@asynccontextmanager
async def serve_strings(folder: Path, pupils: Mapping[str, SimulatedPupil]) -> AsyncGenerator[None]:
    """Answer at the folder's control socket while entered; `pupils` by device id."""
    path = folder / SOCKET
    path.unlink(missing_ok=True)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while raw := await reader.readline():
                writer.write(json.dumps(_do(raw, pupils)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass  # the driver went away, or sent more than a request holds
        finally:
            writer.close()

    with address_of(path) as address:
        server = await asyncio.start_unix_server(talk, address, limit=REQUEST_BYTES_MAX)
    path.chmod(0o600)
    try:
        async with server:
            yield
    finally:
        path.unlink(missing_ok=True)


def _do(raw: bytes, pupils: Mapping[str, SimulatedPupil]) -> dict[str, str | int]:
    """Let a pupil act; return the answer, with `error` where it could not be."""
    try:
        request: Request = _decode(raw)
    except (ValueError, RecursionError) as error:
        return {"error": str(error)}
    pupil = pupils.get(request.device)
    if pupil is None:
        return {"error": "no such device here"}
    if isinstance(request, Cuts):
        return {"cuts": pupil.cuts}
    why = _let(pupil, request)
    return {"error": why} if why else {}


def _let(pupil: SimulatedPupil, act: Act) -> str:  # noqa: C901 - one case an act
    match act:
        case HandUp():
            pupil.act(PupilActed("hand-up"))
        case HandDown():
            pupil.act(PupilActed("hand-down"))
        case Words(text=text):
            pupil.act(PupilActed("words", text))
        case Reply(text=text):
            notices = pupil.seat.notify.shown
            if not notices:
                return "no notice to reply to"
            pupil.act(PupilActed("reply", text, notices[-1].id))
        case TakeSeat(pupil=chosen):
            pupil.act(PupilActed("seat", chosen))
        case Refuse(refusal=refusal):
            pupil.seat.refuse(refusal)
        case CutAt(bytes=size):
            pupil.cut_after(size)
    return ""
