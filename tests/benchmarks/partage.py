"""Files to the MDM and back, against the bare S3 beneath it.

`python -m tests.benchmarks.partage [--files 200] [--largest 20] [--at-once 8] [--rounds 3]
[--through]`. SeaweedFS, an MDM process on SQLite and this program share the machine.

- Raw: obstore puts and gets the same chunks (4 MiB, and what is left of a file) in the same bucket,
  as many at once. It is a client in Rust that hashes nothing.
- Ours: the app's own `Cloud`: each file is offered, what is missing is put, the file is committed;
  then its manifest and its chunks are read and each hash is verified. By default chunks are
  fetched where the MDM sends the app, at the bucket (`public=`); `--through`: through the MDM.
- Rounds of both in turn, each of new files; medians are compared. `mdm_cpu_seconds_per_gb` counts
  the MDM's process alone, `client_…` this program while it is ours.
- `stored_once`: 30 pupils hand in one file; how many times its bytes lie in the bucket.
"""

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from blake3 import blake3
from obstore.store import S3Store

from central_mdm.contract.partage import CHUNK_BYTES_MAX, ChunkRef, FileOffered, Manifest
from classroom_app.cloud.client import Cloud
from tests import seaweed
from tests.benchmarks.cost import cpu_seconds
from tests.benchmarks.report import report
from tests.benchmarks.served import Running, make_sample, served

T = TypeVar("T")
PUPILS = 30


class File(msgspec.Struct, frozen=True):
    """A file as its chunks."""

    id: str
    chunks: tuple[bytes, ...]
    manifest: bytes

    @property
    def size(self) -> int:
        return sum(map(len, self.chunks))

    def named(self) -> dict[str, bytes]:
        return {blake3(chunk).hexdigest(): chunk for chunk in self.chunks}


def file_of(number: int, size: int) -> File:
    content = os.urandom(size)
    chunks = tuple(
        content[start : start + CHUNK_BYTES_MAX] for start in range(0, size, CHUNK_BYTES_MAX)
    )
    refs = tuple(ChunkRef(len(each), blake3(each).digest()) for each in chunks)
    manifest = msgspec.msgpack.encode(Manifest(1, "fixed-4m", size, refs))
    return File(f"file-{number}", chunks, manifest)


async def all_of(work: Callable[[T], Awaitable[object]], items: Iterable[T], at_once: int) -> float:
    """Do `work` for each item, so many at once; return the seconds it took."""
    waiting = iter(items)

    async def some() -> None:
        for item in waiting:
            await work(item)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(some())
    return time.perf_counter() - begun


class Ours:
    """The app's client and what it hands in."""

    def __init__(self, cloud: Cloud, pupils: Sequence[str]) -> None:
        self._cloud, self._pupils = cloud, pupils

    def offered(self, file: File, pupil: int = 0) -> FileOffered:
        name = f"{file.id}-{pupil}" if pupil else file.id
        whose = self._pupils[pupil % len(self._pupils)]
        return FileOffered(name, "lesson-1", "5B", whose, "film.mp4", file.manifest)

    async def put(self, file: File) -> None:
        offered = self.offered(file)
        named = file.named()
        for name in (await self._cloud.offer_file(offered)).missing:
            await self._cloud.put_chunk(name, named[name])
        assert (await self._cloud.offer_file(offered)).state == "kept"

    async def get(self, file: File) -> None:
        kept = await self._cloud.manifest(file.id)
        assert kept.manifest == file.manifest
        chunks = msgspec.msgpack.decode(kept.manifest, type=Manifest).chunks
        places = kept.addresses or [""] * len(chunks)
        for chunk, place in zip(chunks, places, strict=True):
            content = await self._cloud.get_chunk(chunk.hash.hex(), file.id, place)
            assert len(content) == chunk.size


class Raw:
    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def put(self, file: File) -> None:
        for number, chunk in enumerate(file.chunks):
            await self._store.put_async(f"raw/{file.id}/{number}", chunk, use_multipart=False)

    async def get(self, file: File) -> None:
        for number, chunk in enumerate(file.chunks):
            found = await self._store.get_async(f"raw/{file.id}/{number}")
            assert len(await found.bytes_async()) == len(chunk)

    def bytes_held(self) -> int:
        return sum(seaweed.held(self._store).values())


async def stored_times(ours: Ours, raw: Raw, cloud: Cloud) -> float:
    """Let a class hand in one file each; return how many times its bytes lie in the bucket."""
    file, before = file_of(1_000_000, 3 * CHUNK_BYTES_MAX), raw.bytes_held()
    await ours.put(file)
    for pupil in range(1, PUPILS):
        assert (await cloud.offer_file(ours.offered(file, pupil))).state == "kept"
    return (raw.bytes_held() - before) / file.size


async def measure(args: argparse.Namespace, running: Running, raw: Raw) -> dict[str, float]:
    cloud = Cloud()
    try:
        await cloud.sign_in(running.url, **running.account())
        ours = Ours(cloud, [each["pupil"] for each in running.sample["devices"]])
        draw = random.Random(7)  # noqa: S311 - sizes of files
        rates: dict[str, list[float]] = {}
        costs = {"mdm_up": 0.0, "mdm_down": 0.0, "client_up": 0.0, "client_down": 0.0}
        moved = 0
        # The first put makes the bucket and its volumes, the first offer opens connections.
        for way in (raw, ours):
            await way.put(file_of(2_000_000, 100_000))
        for turn in range(args.rounds):
            sizes = [
                draw.randint(1, args.largest) * 2**20 for _ in range(args.files // args.rounds)
            ]
            files = [file_of(turn * args.files + n, size) for n, size in enumerate(sizes)]
            moved += sum(sizes)
            ways = (("raw", raw), ("ours", ours))
            for name, way in ways if turn % 2 else reversed(ways):
                for direction, work in (("up", way.put), ("down", way.get)):
                    begun, own = cpu_seconds(running.pid), time.process_time()
                    took = await all_of(work, files, args.at_once)
                    rates.setdefault(f"{name}_{direction}", []).append(sum(sizes) / took)
                    if name == "ours":
                        costs[f"mdm_{direction}"] += cpu_seconds(running.pid) - begun
                        costs[f"client_{direction}"] += time.process_time() - own
        median = {name: statistics.median(each) for name, each in rates.items()}
        return {
            "upload_ratio_to_raw": median["ours_up"] / median["raw_up"],
            "download_ratio_to_raw": median["ours_down"] / median["raw_down"],
            **{f"{name}_mb_per_second": rate / 1e6 for name, rate in median.items()},
            **{f"{name}_cpu_seconds_per_gb": cost / moved * 1e9 for name, cost in costs.items()},
            "stored_once": await stored_times(ours, raw, cloud),
        }
    finally:
        await cloud.close()


def main() -> None:
    made = argparse.ArgumentParser(description="Files to the MDM and back.")
    made.add_argument("--files", type=int, default=200)
    made.add_argument("--largest", type=int, default=20, help="MiB")
    made.add_argument("--at-once", type=int, default=8)
    made.add_argument("--rounds", type=int, default=4)
    made.add_argument("--through", action="store_true", help="chunks come through the MDM")
    args = made.parse_args()
    os.environ.update(seaweed.KEYS)
    with tempfile.TemporaryDirectory() as name, seaweed.bucket() as endpoint:
        folder = Path(name, "school")
        make_sample(folder)
        address = seaweed.address_of(endpoint, public=not args.through)
        with served(folder, "--objects", address) as running:
            figures = asyncio.run(measure(args, running, Raw(seaweed.store_of(endpoint))))
    report("partage", vars(args), figures)


if __name__ == "__main__":
    main()
