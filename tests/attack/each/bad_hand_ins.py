"""A device of the class hands in names that would leave the folder, and more than it may."""

import asyncio
import random
from pathlib import Path
from typing import Final

from blake3 import blake3

from central_mdm.contract.partage import CHUNK_BYTES_MAX, ChunkRef, Manifest
from classroom_app.services.collecting import FILES_MAX, QUOTA_BYTES
from device_bridge.materials.manifest import CHUNKS_MAX, document_of, encode
from device_bridge.materials.names import safe_name
from device_bridge.protocol import messages
from device_bridge.protocol.fields import PIECE_BYTES_MAX
from device_bridge.protocol.hello import Answer
from device_bridge.protocol.materials import (
    ChunkPiece,
    ChunkWanted,
    HandInAsked,
    HandInOffered,
    HandInTaken,
    ManifestSent,
    ManifestWanted,
    NotHeld,
    OfferedFile,
)
from device_bridge.protocol.messages import FromApp
from device_bridge.session.device_link import DeviceLink
from device_bridge.session.wire import Wire
from tests.attack.dialling import Target
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.lying import liar, met
from tests.attack.taught import taught
from tests.linked import Device

NAMES: Final = (
    "../../x",
    "/etc/cron.d/x",
    "..",
    "C:\\Windows\\x.exe",
    "CON",
    "nul.txt",
    "x.",
    "a\0b",
    "line\nbreak\x1b[31m",
    "\u202egpj.exe",
    "<img src=x onerror=alert(1)>",
    "{}%s%n",
    "=cmd|' /C calc'!A0",
    "caf\u00e9.txt",
    "cafe\u0301.txt",
    "Cafe.txt",
    "CAFE.txt",
    "\U0001f600" * 60,
    "n" * 255,
)
MARK: Final = b"handed in by an attacker"
GIANT: Final = 10 * 1024**3
OFFERS: Final = 2000
"""Of fifty tiny files each: 100,000."""
_held: dict[bytes, tuple[bytes, bytes]] = {}


def document(content: bytes, times: int = 1) -> bytes:
    """Make a document whose chunk, `content`, is there so many times; return its id."""
    hash_ = blake3(content).digest()
    chunks = (ChunkRef(len(content), hash_),) * times
    raw = encode(Manifest(1, "fixed-4m", len(content) * times, chunks))
    _held[document_of(raw)], _held[hash_] = (raw, b""), (b"", content)
    return document_of(raw)


class Hoarder(Device):
    """Supplies whatever it is asked for."""

    async def bulk(self, link: DeviceLink, wire: Wire) -> None:
        del link
        while True:
            match messages.decode_bulk(await wire.receive()):
                case ManifestWanted(wanted) if wanted in _held:
                    await wire.send(encode_(ManifestSent(wanted, _held[wanted][0])))
                case ChunkWanted(_, chunk, offset) if chunk in _held:
                    content = _held[chunk][1]
                    for at in range(offset, len(content), PIECE_BYTES_MAX):
                        piece = content[at : at + PIECE_BYTES_MAX]
                        await wire.send(encode_(ChunkPiece(chunk, at, piece)))
                case ManifestWanted(wanted) | ChunkWanted(wanted):
                    await wire.send(encode_(NotHeld(wanted)))
                case _:
                    pass


encode_: Final = messages.encode


def offered() -> tuple[OfferedFile, ...]:
    hostile = [
        OfferedFile(name, len(MARK) + 3, document(MARK + b"%03d" % number))
        for number, name in enumerate(NAMES)
    ]
    zeros = document(bytes(CHUNK_BYTES_MAX), CHUNKS_MAX)
    return (
        OfferedFile("small.odt", 1, zeros),  # really 20 GB, made of one chunk
        OfferedFile("giant.odt", GIANT, zeros),
        *hostile,
    )


def answers(link: DeviceLink, message: FromApp) -> None:
    match message:
        case HandInAsked(id=ticket):
            link.send(Answer(ticket, "done"))
            link.send(HandInOffered(ticket, offered()))
            tiny = document(MARK)
            files = tuple(OfferedFile(f"t{n}.txt", len(MARK), tiny) for n in range(FILES_MAX))
            _floods.append(HandInOffered(ticket, files, left_out=2**20))
        case HandInTaken():
            _taken.append(message)
        case _:
            pass


_floods: list[HandInOffered] = []
_taken: list[HandInTaken] = []


async def hostile(target: Target, _: random.Random) -> str:
    async with liar(target, answers, Hoarder) as device:
        link = await met(device)
        print("begun", flush=True)
        await device.until(lambda: _taken)
        for _number in range(OFFERS):
            link.send(_floods[0])
            while not link.outbox.empty:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
    return f"{len(NAMES)} hostile names, 20 GB called 1 byte, 10 GB, then 100,000 tiny files"


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    async with taught(ground) as (guard, app):
        async with asyncio.TaskGroup() as group:
            flood = group.create_task(ground.hostile(name, guard, begun))
            await begun.wait()
            await app.do("collect")
            await app.do("locks")
            seen = await flood
        laid, size = await asyncio.to_thread(_lying_about, ground.folder, app.home)
    if wrong := [str(path) for path in laid if not _at_home(path, app.home / "collected")]:
        raise Owed(f"it lies where it must not: {wrong}")
    if not 0 < len(laid) <= FILES_MAX:
        raise Owed(f"{len(laid)} files were taken")
    if size > QUOTA_BYTES:
        raise Owed(f"{size} bytes were taken")
    return f"{seen}; {len(laid)} files lie in the class's folder, {size // 1024} KiB in all"


def _lying_about(folder: Path, home: Path) -> tuple[list[Path], int]:
    """Return every file with our mark outside the app's library, and all that the app holds."""
    library = home / "library"
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    ours = [path for path in files if home in path.parents]
    laid = [
        path
        for path in files
        if library not in path.parents and MARK in path.read_bytes()[: len(MARK)]
    ]
    return laid, sum(path.stat().st_blocks * 512 for path in ours)


def _at_home(path: Path, collected: Path) -> bool:
    return collected in path.parents and safe_name(path.name) == path.name


ATTACK: Final = Attack(
    "bad_hand_ins",
    (20, 25, 28),
    "hands in `../../x`, CON, bidi, twins, 20 GB called one byte, 10 GB, 100,000 tiny files",
    hostile,
    run,
    every_time=False,
)
