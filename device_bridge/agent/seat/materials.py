"""The guard's errands in the pupil's own folders, done with the pupil's rights and no other. No Qt.

Only where guard and pupil are two users of the machine. The guard opens nothing here: it hands over
a descriptor that may only be read, and takes bytes.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.local_socket import FOLDERS_SOCKET, address_of, uid_at
from device_bridge.materials.errors import DiskFull, Unreadable
from device_bridge.materials.kinds import looks_whole
from device_bridge.materials.library import raw_file
from device_bridge.materials.lying import lying_in
from device_bridge.materials.names import inside, open_inside, sendable, shown_in
from device_bridge.materials.placing import Placed, made, place_copy, sweep_arriving
from device_bridge.materials.taking_back import take_back
from device_bridge.protocol.errands import (
    ERRAND_BYTES_MAX,
    ERRAND_PIECE_BYTES,
    CannotDo,
    CleanAsked,
    Done,
    Errand,
    FoldersHere,
    FromFolders,
    HandInOpened,
    LieAsked,
    Lies,
    PlaceAsked,
    TakeBackAsked,
    Work,
    WorkAsked,
    WorkOver,
    WorkPiece,
)
from device_bridge.protocol.errors import Malformed, Unsupported
from device_bridge.protocol.messages import decode_errand, encode
from device_bridge.retention import inside as lying_inside
from device_bridge.retention import remove_older

log = logging.getLogger(__name__)
AGAIN_SECONDS: Final = 0.5
HOME: Final = "Pupitre"
"""The folder in the pupil's home that holds `received` and `hand-in`."""


def own_folder() -> Folder:
    return Folder(Path.home() / HOME)


async def keep_folders(there: Path, own: Folder, owner: int, workers: Executor) -> NoReturn:
    """Do the errands of the guard of `there`, a process of user `owner`, until cancelled.

    One worker of `workers` is taken for good. Without a guard it is looked for again and again.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            await loop.run_in_executor(workers, _make, own)
            with closing(connected(there / FOLDERS_SOCKET, owner)) as end:
                try:
                    await loop.run_in_executor(workers, do_errands, end, own)
                finally:
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)  # the worker hears of it
        except (OSError, Malformed, Unsupported) as error:
            log.debug("no errands", extra={"why": type(error).__name__})
        await asyncio.sleep(AGAIN_SECONDS)


def _make(own: Folder) -> None:
    for folder in (own.received, own.hand_in):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep_arriving(own.received)


def connected(path: Path, owner: int) -> socket.socket:
    """Reach the guard, a process of `owner`. Raises `OSError`, or `Malformed` for another's."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ExitStack() as failed:
        failed.callback(end.close)
        with address_of(path) as address:
            end.connect(address)
        if uid_at(end) != owner:
            raise Malformed("not our guard")
        failed.pop_all()
    return end


def do_errands(end: socket.socket, own: Folder) -> None:
    """Do one errand after another until the guard is gone. Blocks.

    Raises `OSError`, `Malformed` or `Unsupported`.
    """
    _say(end, FoldersHere(str(own.received), str(own.hand_in)))
    while True:
        raw, descriptors, _flags, _address = socket.recv_fds(
            end, ERRAND_BYTES_MAX, 1, socket.MSG_CMSG_CLOEXEC
        )
        files = [open(one, "rb", buffering=0) for one in descriptors]  # noqa: PTH123, SIM115 - a descriptor's
        try:
            if not raw:
                return
            for answer in _answers(decode_errand(raw), own, [raw_file(one) for one in files]):
                _say(end, answer)
        finally:
            for file in files:
                file.close()


def _say(end: socket.socket, answer: Struct) -> None:
    end.send(encode(answer))  # a packet goes whole or not at all


def _answers(errand: Errand, own: Folder, files: list[BinaryIO]) -> Iterator[FromFolders]:
    try:
        if isinstance(errand, WorkAsked):
            yield from _given(own.hand_in, errand)
        else:
            yield _done(errand, own, files)
    except DiskFull as full:
        yield CannotDo("disk-full", full.needs, full.has)
    except (OSError, Unreadable):
        yield CannotDo("unreadable")


def _done(
    errand: LieAsked | PlaceAsked | TakeBackAsked | HandInOpened | CleanAsked,
    own: Folder,
    files: list[BinaryIO],
) -> FromFolders:
    match errand:
        case LieAsked(folder, document, name, size):
            placed = lying_in(made(inside(own.received, folder)), document, name, size)
            return Done(so=False) if placed is None else _lies(placed)
        case PlaceAsked(folder, name):
            if not files:
                raise Malformed("no document")
            return _lies(place_copy(files[0], made(inside(own.received, folder)), name))
        case TakeBackAsked(folder, name, placed):
            return Done(so=take_back(inside(own.received, folder), name, placed))
        case HandInOpened(folder):
            made(inside(own.hand_in, folder))
        case CleanAsked():
            _clean(errand, own)
    return Done()


def _lies(placed: Placed) -> Lies:
    if sendable(placed.path.name) != placed.path.name:
        raise Unreadable("its name is no text", "")
    return Lies(placed.path.name, placed.hash, looks_whole(placed.path))


def _clean(asked: CleanAsked, own: Folder) -> None:
    for root, days in ((own.received, asked.received_days), (own.hand_in, asked.hand_in_days)):
        in_use = [root / name for name in asked.in_use]
        remove_older(lying_inside(root), asked.now, days, in_use)


def _given(root: Path, asked: WorkAsked) -> Iterator[FromFolders]:
    """Give regular files of one folder; no link is followed and no folder entered."""
    folder = made(inside(root, asked.folder))
    files, room, left_out = asked.quota_files, asked.quota_bytes, 0
    for name in shown_in(folder):
        if (file := _plain_file(folder, name) if files else None) is None:
            left_out += 1
            continue
        with closing(file):
            size = os.fstat(file.fileno()).st_size
            if size > room:
                left_out += 1
                continue
            files, room = files - 1, room - size
            yield Work(sendable(name), size)
            yield from _pieces(file, size)
    yield Done(left_out=left_out)


def _plain_file(folder: Path, name: str) -> BinaryIO | None:
    try:
        return open_inside(folder, name)
    except (OSError, Unreadable):  # a link, a pipe, a file without leave
        return None


def _pieces(file: BinaryIO, size: int) -> Iterator[FromFolders]:
    """Give the file as it is at this moment: not more than it had when it was opened."""
    before = os.fstat(file.fileno())
    try:
        while size and (piece := file.read(min(size, ERRAND_PIECE_BYTES))):
            size -= len(piece)
            yield WorkPiece(piece)
    except OSError:
        yield WorkOver(whole=False)
        return
    after = os.fstat(file.fileno())
    changing = (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size)
    yield WorkOver(whole=True, changing=changing)
