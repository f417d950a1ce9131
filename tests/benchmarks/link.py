"""One large document from file to file over our own lane, against a bare TLS stream.

`python -m tests.benchmarks.link [--megabytes 1024] [--rounds 5]`. Two processes on loopback; both
ways use the same TLS 1.3 with both certificates, in turn, and the medians are compared.

- The link: from the moment the teacher's library begins to read the file (copied, cut, hashed,
  synced) until the device's library says that it is whole: every chunk verified, the file synced
  and renamed. Lanes, ends and libraries are the program's own; the app dials, as it does.
- The bare stream: the same bytes, lying in memory already, written to an `asyncio` TLS stream in
  pieces of 256 KiB, read at the other end and thrown away, until that end says it has them all.
"""

import argparse
import asyncio
import shutil
import socket
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from device_bridge.materials.bulk import BulkEnd, Lent
from device_bridge.materials.library import Library
from device_bridge.protocol.errors import DeviceError
from device_bridge.session.wire import Judge, dial_lane, take_lane
from device_bridge.trust.accept import Peer, accept
from device_bridge.trust.identity import Identity, School, dialler_context, listener_context
from tests.benchmarks.report import report
from tests.school import NOW, SmallSchool

PIECE = 256 * 1024
MEGABYTE = 1024 * 1024
GREETING_SECONDS = 10.0


def certificates(folder: Path) -> None:
    school = SmallSchool()
    (folder / "root.pem").write_bytes(school.school.root_pem)
    for role in ("device", "teacher"):
        (folder / role).mkdir()
        school.identity(role, role).save(folder / role)


def school_of(folder: Path) -> School:
    return School.pin("school-1", (folder / "root.pem").read_bytes())


def judge_teacher(school: School) -> Judge:
    def judge(der: bytes | None) -> Peer:
        return accept(der, school, NOW, "teacher")

    return judge


def judge_device(school: School) -> Judge:
    def judge(der: bytes | None) -> Peer:
        return accept(der, school, NOW, "device")

    return judge


async def receive_raw(folder: Path, size: int) -> None:
    """Be the device's end of the bare stream: read all, answer once."""
    done = asyncio.Event()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = size
        while left and (piece := await reader.read(PIECE)):
            left -= len(piece)
        writer.write(b"all")
        await writer.drain()
        writer.close()
        done.set()

    context = listener_context(Identity.load(folder / "device"), school_of(folder))
    server = await asyncio.start_server(served, "127.0.0.1", 0, ssl=context, limit=MEGABYTE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await done.wait()
    server.close()


async def receive_link(folder: Path) -> None:
    """Be the device: take the lane, fetch the document named on standard input, say "whole"."""
    loop, school = asyncio.get_running_loop(), school_of(folder)
    context = listener_context(Identity.load(folder / "device"), school)
    library = Library(folder / "pupil")
    with socket.create_server(("127.0.0.1", 0)) as door, ThreadPoolExecutor(2) as pool:
        door.settimeout(0)
        print(door.getsockname()[1], flush=True)
        taken, _ = await loop.sock_accept(door)
        lane = await take_lane(taken, context, judge_teacher(school), GREETING_SECONDS)
        end = BulkEnd(lane, Lent(library, lambda _: False), pool)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(end.run())
            document = bytes.fromhex((await asyncio.to_thread(sys.stdin.readline)).strip())
            await end.fetch(document, library)
            print("whole", flush=True)
            serving.cancel()


class Receiver:
    """The other process."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    @classmethod
    async def start(cls, way: str, folder: Path, size: int) -> "Receiver":
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.benchmarks.link", "--receive", way),
                *("--folder", str(folder), "--bytes", str(size)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    async def hear(self) -> str:
        assert self._child.stdout is not None
        line = (await self._child.stdout.readline()).decode().strip()
        if not line:
            raise SystemExit("the receiving process ended early")
        return line

    def say(self, line: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n".encode())

    async def end(self) -> None:
        await self._child.wait()


async def raw_seconds(folder: Path, content: bytes) -> float:
    context = dialler_context(Identity.load(folder / "teacher"), school_of(folder))
    receiver = await Receiver.start("raw", folder, len(content))
    port = int(await receiver.hear())
    view, begun = memoryview(content), time.perf_counter()
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="pupitre"
    )
    for at in range(0, len(content), PIECE):
        writer.write(view[at : at + PIECE])
        await writer.drain()
    assert await reader.read() == b"all"
    seconds = time.perf_counter() - begun
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    await receiver.end()
    return seconds


async def link_seconds(folder: Path, source: Path) -> tuple[float, float]:
    """Return the seconds of the whole way, and those of the teacher's own library in it."""
    school, library = school_of(folder), Library(folder / "desk")
    context = dialler_context(Identity.load(folder / "teacher"), school)
    receiver = await Receiver.start("link", folder, 0)
    port = int(await receiver.hear())
    with ThreadPoolExecutor(2) as pool:
        begun = time.perf_counter()
        held = await asyncio.to_thread(library.keep, source)
        kept = time.perf_counter() - begun
        receiver.say(held.document.hex())
        lane = await dial_lane(("127.0.0.1", port), "/bulk", context, judge_device(school))
        end = BulkEnd(lane, Lent(library, lambda document: document == held.document), pool)
        with suppress(OSError, DeviceError):  # the device leaves when it has all
            await end.run()
        assert await receiver.hear() == "whole"
    seconds = time.perf_counter() - begun
    await receiver.end()
    arrived = Library(folder / "pupil").path_of(held.document)
    assert blake3().update_mmap(arrived).digest() == blake3().update_mmap(source).digest()
    return seconds, kept


async def compare(megabytes: int, rounds: int) -> dict[str, float]:
    raws, links, keeps = list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        certificates(folder)
        content = write_source(folder / "film.mp4", megabytes * MEGABYTE)
        for _ in range(rounds):
            raws.append(await raw_seconds(folder, content))
            seconds, kept = await link_seconds(folder, folder / "film.mp4")
            links.append(seconds)
            keeps.append(kept)
            print(f"raw {raws[-1]:.2f} s, link {seconds:.2f} s (kept in {kept:.2f} s)", flush=True)
            for each in ("desk", "pupil"):
                shutil.rmtree(folder / each)
    raw, link = statistics.median(raws), statistics.median(links)
    return {
        "ratio_to_raw": raw / link,
        "megabytes_per_second": megabytes / link,
        "raw_megabytes_per_second": megabytes / raw,
        "keep_seconds": statistics.median(keeps),
    }


def write_source(path: Path, size: int) -> bytes:
    """Make a file that no disk or link can shorten."""
    content = blake3(b"a film").digest(size)
    path.write_bytes(content)
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--receive", choices=["raw", "link"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bytes", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    match args.receive:
        case "raw":
            asyncio.run(receive_raw(args.folder, args.bytes))
        case "link":
            asyncio.run(receive_link(args.folder))
        case _:
            figures = asyncio.run(compare(args.megabytes, args.rounds))
            report("link", {"megabytes": args.megabytes, "rounds": args.rounds}, figures)


if __name__ == "__main__":
    main()
