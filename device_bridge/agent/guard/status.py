"""What this device holds and has really applied, for whoever sits at it: `pupitre-agent status`.

A local socket that answers each connection with one JSON object and closes; it takes no words.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.device import Device
from device_bridge.agent.guard.kept import Kept
from device_bridge.agent.local_socket import address_of, listening
from device_bridge.protocol.fields import PROOF_OLD_SECONDS

STATUS_BYTES_MAX: Final = 4 * 1024 * 1024


class LockStatus(Struct, frozen=True):
    """`locked`: what is declared; `covered`: proved by the curtain in the last 10 s."""

    version: int
    locked: bool
    covered: bool
    proof_age_ms: int
    ends_in_seconds: int
    teacher: str
    reported: str
    reason: str


class PaperStatus(Struct, frozen=True):
    handout: str
    name: str
    state: str
    size: int
    have: int
    hash: str
    path: str
    reason: str


class Status(Struct, frozen=True):
    """`indicator`: the bar is proved; `look`: what it is proved to say. `live` False: no guard."""

    live: bool
    device: str
    port: int
    boot: str
    links: tuple[str, ...]
    seat: bool
    lesson: str
    lesson_on: bool
    class_name: str
    teacher: str
    pupil: str
    indicator: bool
    look: Literal["none", "overview", "close"]
    attention: LockStatus
    materials: tuple[PaperStatus, ...]
    received_folder: str
    hand_in_folder: str
    fetched_bytes: int
    notices: tuple[str, ...]
    hand_up: bool
    unheard: int
    frames: int
    identity_ends_at: int = 0
    """UTC seconds."""


def status_of(device: Device) -> Status:
    """Say what is so at this moment."""
    guard = device.guard
    age_ms = guard.attention.proof()[1]
    proved = guard.attention.proof()[0] > 0 and age_ms <= PROOF_OLD_SECONDS * 1000
    shown = guard.presence.held.shown
    return msgspec.structs.replace(
        kept_status(guard.held, device.id, device.renewing.ends_at),
        live=True,
        boot=guard.boot,
        links=tuple(link.teacher_name for link in guard.voice.links),
        seat=guard.seat is not None,
        indicator=shown is not None,
        look=shown or "none",
        attention=_lock(guard.held, proved=proved, age_ms=age_ms),
        fetched_bytes=guard.materials.fetched_bytes,
        notices=tuple(guard.talking.notices),
        frames=guard.watching.shown.number,
    )


def kept_status(held: Kept, device: str, identity_ends_at: float) -> Status:
    """Say what the folder knows while no guard runs: what is held, and nothing proved."""
    presence, declared = held.presence, held.presence.declared
    return Status(
        live=False,
        device=device,
        port=held.port,
        boot="",
        links=(),
        seat=False,
        lesson=presence.author.lesson,
        lesson_on=presence.on,
        class_name=declared.class_name if declared else "",
        teacher=declared.teacher_name if declared else "",
        pupil=declared.pupil if declared else "",
        indicator=False,
        look="none",
        attention=_lock(held, proved=False, age_ms=0),
        materials=_papers(held),
        received_folder=presence.bar.received_folder,
        hand_in_folder=presence.bar.hand_in_folder,
        fetched_bytes=0,
        notices=(),
        hand_up=held.talking.hand_up,
        unheard=len(held.talking.unheard),
        frames=0,
        identity_ends_at=int(identity_ends_at),
    )


def _lock(held: Kept, *, proved: bool, age_ms: int) -> LockStatus:
    lock = held.attention
    return LockStatus(
        version=lock.version,
        locked=lock.locked,
        covered=proved,
        proof_age_ms=age_ms,
        ends_in_seconds=max(0, int(lock.ends_at - held.at)) if lock.locked else 0,
        teacher=lock.teacher_name,
        reported=lock.told.state if lock.told else "",
        reason=lock.told.reason if lock.told else "",
    )


def _papers(held: Kept) -> tuple[PaperStatus, ...]:
    there = held.presence.bar.received_folder
    return tuple(
        PaperStatus(
            paper.document.handout,
            paper.name or paper.document.name,
            paper.state,
            paper.document.size,
            paper.document.size if paper.arrived else paper.have,
            paper.hash.hex(),
            str(Path(there) / paper.name) if there and paper.name else "",
            paper.reason,
        )
        for paper in held.materials.papers
    )


@asynccontextmanager
async def serve_status(device: Device) -> AsyncGenerator[None]:
    """Answer at the folder's status socket while entered; private, as all the folder."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        with contextlib.suppress(OSError):
            writer.write(msgspec.json.encode(status_of(device)))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async with listening(device.guard.folder.status_socket, answer, ()):
        yield


async def ask_status(folder: Folder) -> Status | None:
    """Ask the running guard; None where none runs."""
    try:
        with address_of(folder.status_socket) as address:
            reader, writer = await asyncio.open_unix_connection(address)
    except OSError:
        return None
    try:
        raw = await reader.read(STATUS_BYTES_MAX)
        while more := await reader.read(STATUS_BYTES_MAX):
            raw += more
        return msgspec.json.decode(raw, type=Status)
    except (OSError, ValueError):
        return None  # it ended as we asked
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
