"""Durable journal events a second, against one plain insert of equal bytes.

`python -m tests.benchmarks.store [--rounds 40] [--folder HOME]`. Both ways write to SQLCipher files
in one folder, opened by the same function with the same pragmas, in turn; medians are compared.

- The journal: from the caller's `await keeping.remember(act)` on the loop to the answer. The act
  is what a pupil wrote, so it has personal fields with their salt. One at a time is one event a
  commit; 24 awaited together (a class that answers at once) is 24 a commit.
- The plain insert: a bare loop over the driver in the one thread of the program, no asyncio and no
  hop between threads: `BEGIN IMMEDIATE`, one `INSERT` of a blob of as many bytes as all columns of
  the act's row have, or 24 of them, `COMMIT`. That is the least that SQLite can be asked for.
"""

import argparse
import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sqlcipher3 import dbapi2

from classroom_app.domain.acts import Act, PupilSpoke
from classroom_app.domain.lesson import DeviceId, LessonId, PupilId
from classroom_app.ids import new_id
from classroom_app.storage.chain import entry_of
from classroom_app.storage.engine import open_driver
from classroom_app.storage.keeping import Keeping, open_keeping
from tests.benchmarks.report import report
from tests.rings import NoRing

CLASS = 24
HASH_BYTES = 32
# Short rounds in turn: whatever else the machine does meets both ways alike.
ALONE_A_ROUND = 100
GROUPS_A_ROUND = 20
# So a lesson has 2,900 acts: a class that talks much.
ROUNDS_A_LESSON = 5


def act(lesson: str) -> PupilSpoke:
    return PupilSpoke(
        id=new_id(),
        lesson=LessonId(lesson),
        at=1_795_500_000,
        device=DeviceId(secrets.token_hex(16)),
        pupil=PupilId(secrets.token_hex(16)),
        kind="words",
        text="I do not see the second page, may I look with Amina?",
    )


def bytes_of(one: Act) -> int:
    """Count what the act's row holds, a sequence as 8 bytes."""
    entry = entry_of(one)
    assert entry.salt is not None
    assert entry.personal is not None
    words = (one.id, one.lesson, "pupil-spoke", "waiting", "")
    blobs = (entry.body, entry.apart, entry.salt, entry.personal, bytes(HASH_BYTES))
    return sum(map(len, words)) + sum(map(len, blobs)) + 2 * 8


def raw_seconds(raw: dbapi2.Connection, content: bytes, commits: int, each: int) -> float:
    begun = time.perf_counter()
    for _ in range(commits):
        raw.execute("BEGIN IMMEDIATE")
        for _ in range(each):
            raw.execute("INSERT INTO event (content) VALUES (?)", (content,))
        raw.execute("COMMIT")
    return time.perf_counter() - begun


async def alone_seconds(keeping: Keeping, acts: Sequence[Act]) -> float:
    begun = time.perf_counter()
    for one in acts:
        await keeping.remember(one)
    return time.perf_counter() - begun


async def grouped_seconds(keeping: Keeping, groups: Sequence[Sequence[Act]]) -> float:
    begun = time.perf_counter()
    for group in groups:
        await asyncio.gather(*map(keeping.remember, group))
    return time.perf_counter() - begun


def raw_file(folder: Path) -> dbapi2.Connection:
    raw = open_driver(folder / "raw.db", secrets.token_hex(32))
    raw.execute("CREATE TABLE event (sequence INTEGER PRIMARY KEY, content BLOB NOT NULL)")
    return raw


async def compare(folder: Path, rounds: int) -> dict[str, float]:
    keeping, raw = await open_keeping(folder, NoRing), raw_file(folder)
    content = secrets.token_bytes(bytes_of(act(new_id())))
    seconds: dict[str, list[float]] = {
        name: [] for name in ("raw", "journal", "raw_batch", "journal_batch")
    }
    lesson = ""
    for number in range(rounds + 1):
        if number % ROUNDS_A_LESSON == 0:
            lesson = new_id()
        acts = [act(lesson) for _ in range(ALONE_A_ROUND)]
        groups = [[act(lesson) for _ in range(CLASS)] for _ in range(GROUPS_A_ROUND)]
        measured = {
            "raw": raw_seconds(raw, content, ALONE_A_ROUND, 1),
            "journal": await alone_seconds(keeping, acts),
            "raw_batch": raw_seconds(raw, content, GROUPS_A_ROUND, CLASS),
            "journal_batch": await grouped_seconds(keeping, groups),
        }
        for name in seconds if number else ():  # the first round warms up
            seconds[name].append(measured[name])
    raw.close()
    assert await keeping.verify() is None
    assert len(await keeping.journal_ids()) == (rounds + 1) * (
        ALONE_A_ROUND + CLASS * GROUPS_A_ROUND
    )
    await keeping.close()
    return figures_of(seconds, len(content))


def figures_of(seconds: dict[str, list[float]], content_bytes: int) -> dict[str, float]:
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    in_batches = GROUPS_A_ROUND * CLASS
    return {
        "ratio_to_raw": middle["raw"] / middle["journal"],
        "ratio_to_raw_batch": middle["raw_batch"] / middle["journal_batch"],
        "events_per_second": ALONE_A_ROUND / middle["journal"],
        "raw_events_per_second": ALONE_A_ROUND / middle["raw"],
        "events_per_second_batch": in_batches / middle["journal_batch"],
        "raw_events_per_second_batch": in_batches / middle["raw_batch"],
        "event_bytes": content_bytes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    # Where the real store lies; a temporary folder may be in memory, where nothing is durable.
    parser.add_argument("--folder", type=Path, default=Path.home())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        figures = asyncio.run(compare(Path(folder), args.rounds))
    report("store", {"rounds": args.rounds, "folder": args.folder}, figures)


if __name__ == "__main__":
    main()
