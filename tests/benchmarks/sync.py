"""Events a second accepted exactly once, against a raw insert of the same rows; a week's backlog.

`python -m tests.benchmarks.sync [--events 12000] [--apps 3] [--rounds 3]`. A PostgreSQL of its own,
with fsync and synchronous commits as a school runs it; `pupitre-mdm serve` is a process of its own.

- Ours: so many signed-in teachers' `Cloud`s push batches of 200 events over HTTP; each event is
  answered "applied". Then one batch of each goes again and changes nothing (`stored_twice`).
- Raw: as many connections of psycopg, without any program between, insert the same rows, an event
  and its answer, by one statement of 200 rows a table and one commit a batch, into tables made
  like the MDM's own, indexes and all.
- Rounds of both in turn; medians are compared.
- `backlog_seconds`: 10 lessons of 30 devices, 3,000 events and 300 files of 200 kB in a teacher's
  real store, and one turn of the app's real `Sync` with nothing brought in before.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from msgspec import Raw

from central_mdm.contract.journal import BATCH_MAX, Event
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.sync import Sync
from classroom_app.domain.acts import HandInKept, PupilSpoke
from classroom_app.domain.lesson import ClassId, DeviceId, LessonId, PupilId
from classroom_app.ids import new_id
from classroom_app.storage.keeping import Keeping, open_keeping
from tests import postgres
from tests.benchmarks.cost import cpu_seconds
from tests.benchmarks.report import report
from tests.benchmarks.served import Running, make_sample, served
from tests.rings import NoRing
from tests.sync_store import Trusting

NOW = 1_795_500_000
LESSONS, DEVICES, FILES, FILE_BYTES = 10, 30, 300, 200_000
WORDS = Raw(b'{"device":"dev-0001-4cdd2055","kind":"words","text":"May I look with Amina?"}')
EVENTS = "school, id, origin, sequence, teacher, lesson, kind, happened_at, hash, body, received_at"
OUTCOMES = "school, id, teacher, state, reason"


def batches(origin: str, count: int, first: int) -> Iterator[tuple[Event, ...]]:
    """Yield the next `count` events of a journal, 200 at a time."""
    lesson = f"{origin}-{first}"
    for start in range(first, first + count, BATCH_MAX):
        yield tuple(
            Event(new_id(), origin, number, lesson, "pupil-spoke", NOW, "ab" * 32, WORDS)
            for number in range(start, min(start + BATCH_MAX, first + count))
        )


async def push_all(cloud: Cloud, some: Sequence[tuple[Event, ...]]) -> None:
    for batch in some:
        outcomes = (await cloud.push(batch)).outcomes
        assert [each.state for each in outcomes] == ["applied"] * len(batch)


async def insert_all(url: str, some: Sequence[tuple[Event, ...]]) -> None:
    async with await psycopg.AsyncConnection.connect(url, prepare_threshold=1) as connection:
        for batch in some:
            for table, columns, row in (
                ("raw_events", EVENTS, event_row),
                ("raw_outcomes", OUTCOMES, outcome_row),
            ):
                rows = [row(event) for event in batch]
                each = f"({', '.join(['%s'] * len(rows[0]))})"
                values = ", ".join([each] * len(rows))
                query = f"INSERT INTO {table} ({columns}) VALUES {values}"  # noqa: S608 - our words
                await connection.execute(query.encode(), [value for row in rows for value in row])
            await connection.commit()


def event_row(event: Event) -> tuple[Any, ...]:
    about = ("tilleuls", event.id, event.origin, event.sequence, "t-lambert", event.lesson)
    return (*about, event.kind, event.happened_at, event.hash, bytes(event.body), NOW)


def outcome_row(event: Event) -> tuple[Any, ...]:
    return ("tilleuls", event.id, "t-lambert", "applied", "")


async def taken(*work: Any) -> float:  # noqa: ANN401 - coroutines of any kind
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for each in work:
            tasks.create_task(each)
    return time.perf_counter() - begun


async def signed_in(running: Running, number: int) -> Cloud:
    cloud = Cloud(whole_seconds=60)
    account = running.sample["teachers"][number]
    school = running.sample["school"]
    await cloud.sign_in(running.url, school, account["login"], account["password"])
    return cloud


async def ratio(args: argparse.Namespace, running: Running, url: str) -> dict[str, float]:
    clouds = [await signed_in(running, number) for number in range(args.apps)]
    each = args.events // args.rounds // args.apps
    ours: list[float] = []
    raw: list[float] = []
    cost = 0.0
    again: list[tuple[Event, ...]] = []
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for table in ("events", "outcomes"):
            like = f"CREATE TABLE raw_{table} (LIKE journal_{table} INCLUDING ALL)"
            await connection.execute(like.encode())
        for turn in range(args.rounds):
            made = [
                list(batches(f"store-{number}", each, turn * each + 1))
                for number in range(args.apps)
            ]
            begun = cpu_seconds(running.pid)
            took = await taken(*map(push_all, clouds, made))
            cost += cpu_seconds(running.pid) - begun
            ours.append(each * args.apps / took)
            took = await taken(*(insert_all(url, some) for some in made))
            raw.append(each * args.apps / took)
            again = [some[-1] for some in made]
        for cloud, batch in zip(clouds, again, strict=True):
            await push_all(cloud, [batch])
        # Row-level security shows the owner nothing without a school.
        await connection.execute("SELECT set_config('pupitre.school', 'tilleuls', false)")
        found = await connection.execute("SELECT count(*) FROM journal_events")
        ((stored,),) = await found.fetchall()
    for cloud in clouds:
        await cloud.close()
    total = each * args.apps * args.rounds
    return {
        "ratio_to_raw": statistics.median(ours) / statistics.median(raw),
        "events_per_second": statistics.median(ours),
        "raw_per_second": statistics.median(raw),
        "mdm_cpu_ms_per_event": cost / total * 1000,
        "lost": total - stored,
        "stored_twice": max(stored - total, 0),
    }


async def fill(keeping: Keeping, folder: Path, pupils: Sequence[str]) -> None:
    """Let a week of lessons happen without any server."""
    for number in range(LESSONS):
        lesson = LessonId(f"lesson-{new_id()}")
        spoken = [
            PupilSpoke(
                id=new_id(),
                lesson=lesson,
                at=NOW + second,
                device=DeviceId(f"dev-{second % DEVICES}"),
                pupil=PupilId(pupils[second % len(pupils)]),
                kind="words",
                text="I do not see the second page, may I look with Amina?",
            )
            for second in range(DEVICES * 9)
        ]
        await asyncio.gather(*map(keeping.remember, spoken))
        for device in range(FILES // LESSONS):
            path = folder / f"{number}-{device}.mp4"
            path.write_bytes(os.urandom(FILE_BYTES))
            held = keeping.library.keep(path)
            await keeping.remember(
                HandInKept(
                    id=new_id(),
                    lesson=lesson,
                    at=NOW + 3000,
                    ticket=f"ticket-{number}",
                    device=DeviceId(f"dev-{device}"),
                    class_id=ClassId("5B"),
                    pupil=PupilId(pupils[device % len(pupils)]),
                    name=path.name,
                    path=f"5e B/{path.name}",
                    document=held.document.hex(),
                    size=held.size,
                )
            )


async def backlog(running: Running, home: Path) -> dict[str, float]:
    keeping = await open_keeping(home, NoRing)
    cloud = await signed_in(running, 0)
    try:
        await fill(keeping, home / "work", [one["pupil"] for one in running.sample["devices"]])
        waited = await keeping.waiting_count()
        sync = Sync(cloud, keeping, Trusting(), lambda _: None, time.time)
        begun, own, theirs = time.perf_counter(), time.process_time(), cpu_seconds(running.pid)
        await sync.once()
        took = time.perf_counter() - begun
        assert sync.state.in_step
        assert await keeping.refused_count() == 0
        return {
            "backlog_seconds": took,
            "backlog_items": waited,
            "backlog_app_cpu_seconds": time.process_time() - own,
            "backlog_mdm_cpu_seconds": cpu_seconds(running.pid) - theirs,
        }
    finally:
        await cloud.close()
        await keeping.close()


def main() -> None:
    made = argparse.ArgumentParser(description="Events accepted exactly once.")
    made.add_argument("--events", type=int, default=36_000)
    made.add_argument(
        "--apps", type=int, default=3, help="teachers of the sample school, 3 at most"
    )
    made.add_argument("--rounds", type=int, default=5)
    args = made.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        tempfile.TemporaryDirectory(prefix="pupitre-pg-") as cluster,
        postgres.cluster_in(Path(cluster), "max_connections=60"),
        postgres.database(Path(cluster), "sync") as url,
    ):
        folder, home = Path(name, "school"), Path(name, "teacher")
        (home / "work").mkdir(parents=True)
        make_sample(folder, "--database", url)
        with served(folder, "--database", url) as running:
            plain = url.replace("postgresql+psycopg", "postgresql")
            figures = asyncio.run(ratio(args, running, plain))
            figures |= asyncio.run(backlog(running, home))
    report("sync", vars(args), figures)


if __name__ == "__main__":
    main()
