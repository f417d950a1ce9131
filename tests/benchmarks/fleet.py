"""The Monday minute of a region: check-ins, deltas, a first sync, an overload; real PostgreSQL.

`python -m tests.benchmarks.fleet [--devices 500000 --people 1000000]` (5,000 and 10,000 for a quick
look). The server is `pupitre-mdm serve` as its own process; `wrk` (Debian) beside it sends what
devices send. All share this machine's cores.

- The region lies in `--folder` and is kept between runs. A small one of 5,000 devices is asked in
  the same run: what a check-in costs there, in CPU seconds of server and database, is the divisor
  of `cost_ratio_to_small`.
- One in twenty check-ins tells a changed inventory; afterwards the database is asked whether it has
  them, `changes_kept` of `changes_told`.
- A Monday's first check-ins, each by a device whose pass has ended: `first_check_ins`.
- A turn of a teacher's app in which nothing is new is two requests.
- Overload: ten times the connections, each of which asks again at once, for ten seconds.
  `overload_accepted_ms_p99` is an upper bound: wrk measures all answers alike, so the slowest
  hundredth of what was accepted is looked for among the slowest of all.
- Idle bytes are counted on the wire, between the device's own code and the server.
- The Monday is simulated with the server's own rules for the times of each device.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from msgspec import json as mjson

from central_mdm.contract.roster import Changes, Scopes
from central_mdm.platform.authentication import hash_of, token_for
from central_mdm.platform.keys import FolderKeys
from central_mdm.platform.pace import INTERVAL_SECONDS, next_check_in
from central_mdm.platform.passes import MARK_CHARS, Pass, ends_at, write_pass
from central_mdm.roster.cursors import Cursor, text_of
from tests.benchmarks.cost import cpu_of, family
from tests.benchmarks.first_check_ins import first_check_ins
from tests.benchmarks.idle_bytes import idle_bytes
from tests.benchmarks.region import (
    HASH,
    IDLE,
    Region,
    device_name,
    region_at,
    school_name,
    secret_hash,
    teacher_name,
)
from tests.benchmarks.report import report
from tests.benchmarks.served import listening
from tests.postgres import superuser

HERE: Final = Path(__file__).parent
SMALL: Final = Region(5000, 10000)
ASKERS: Final = 50_000
"""So many devices take part, drawn from all of the region: no page of it is warm by luck."""
EVERY: Final = 20
SHIFT: Final = 3
FIRST_SECONDS: Final = 600
SWITCHED_ON_SECONDS: Final = 60
CYCLES: Final = 3


@dataclass(frozen=True)
class Served:
    """A server, and where its region lies."""

    url: str
    process: int
    region: Region
    folder: Path
    work: Path

    def postmaster(self) -> int:
        return int((self.folder / "cluster/data/postmaster.pid").read_text().split()[0])

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds of the server and of the database so far."""
        return cpu_of(family(self.process)), cpu_of(family(self.postmaster()))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--devices", type=int, default=500_000)
    asked.add_argument("--people", type=int, default=1_000_000)
    asked.add_argument("--seconds", type=int, default=15)
    asked.add_argument("--connections", type=int, default=64)
    asked.add_argument("--folder", type=Path, default=Path("/tmp/pupitre-region"))  # noqa: S108
    args = asked.parse_args()
    region, figures = Region(args.devices, args.people), dict[str, float]()
    with region_at(args.folder, [SMALL, region]) as urls:
        with served(args.folder, urls[SMALL.name], SMALL) as small:
            cost = check_ins(small, args)["cpu_us"]
        with served(args.folder, urls[region.name], region) as large:
            found = check_ins(large, args)
            figures |= {
                "checkins_per_second": found["per_second"],
                "checkin_ms_p50": found["p50_ms"],
                "checkin_ms_p99": found["p99_ms"],
                "bad_answers": found["bad"],
                "changes_told": found["changes_told"],
                "changes_kept": found["changes_kept"],
                "server_us_per_checkin": found["server_us"],
                "database_us_per_checkin": found["database_us"],
                "cost_ratio_to_small": found["cpu_us"] / cost,
            }
            figures |= syncs(large)
            figures |= first_check_ins(large.url, large.folder, region)
            figures |= overload(large, args, found["per_second"])
    up, down = idle_bytes()
    figures |= {"idle_request_bytes": up, "idle_answer_bytes": down}
    figures["monday_peak_per_second"] = monday(args.devices)
    report("fleet", vars(args), figures)


@contextmanager
def served(folder: Path, database: str, region: Region) -> Generator[Served]:
    with (
        tempfile.TemporaryDirectory(prefix="pupitre-fleet-") as work,
        listening(folder / "server", "--database", database) as (url, process),
    ):
        yield Served(url, process, region, folder, Path(work))


def wrk(served: Served, script: str, *options: str, **told: object) -> dict[str, Any]:
    """Run wrk with a script of ours; return the JSON that it prints last."""
    environment = os.environ | {name.upper(): str(each) for name, each in told.items()}
    command = ["wrk", "--timeout", "10s", *options, "-s", str(HERE / script), served.url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def askers(served: Served) -> Path:
    """Write who takes part: each one's pass, and what it says where nothing has changed."""
    key, region = FolderKeys(served.folder / "server/keys").passes(), served.region
    drawn = random.Random(7).sample(range(region.devices), min(ASKERS, region.devices))  # noqa: S311
    now, path = int(time.time()), served.work / "askers"
    with path.open("w") as file:
        for number in drawn:
            school = number % region.schools + 1
            device = device_name(school, number // region.schools + 1)
            held = Pass(device, secret_hash(device)[:MARK_CHARS], ends_at(device, now))
            file.write(f"{write_pass(key, school_name(school), held)} {IDLE.decode()}\n")
    return path


def check_ins(served: Served, args: argparse.Namespace) -> dict[str, float]:
    """Ask as much as goes; return rates, times and what one check-in cost."""
    reset(served)
    who = askers(served)
    common = ("-t1", f"-c{args.connections}", "--latency")
    wrk(served, "check_ins.lua", *common, "-d3s", check_ins=who, every=0)
    before = served.cpu()
    found = wrk(served, "check_ins.lua", *common, f"-d{args.seconds}s", check_ins=who, every=EVERY)
    after, asked = served.cpu(), found["requests"]
    server, database = ((b - a) / asked * 1e6 for a, b in zip(before, after, strict=True))
    return {
        "per_second": asked / found["seconds"],
        "p50_ms": found["p50_ms"],
        "p99_ms": found["p99_ms"],
        "bad": found["errors"] + found["bad_status"],
        "changes_told": found["changed"],
        "changes_kept": changes_kept(served),
        "server_us": server,
        "database_us": database,
        "cpu_us": server + database,
    }


def reset(served: Served) -> None:
    """Let every device be as it was filled."""
    with superuser(served.folder / "cluster", served.region.name) as connection:
        connection.execute(
            "UPDATE fleet_devices SET inventory_hash = %s WHERE inventory_hash <> %s", (HASH, HASH)
        )
        connection.execute("CHECKPOINT")


def changes_kept(served: Served) -> int:
    """Count devices whose newest inventory is one that was told in this run."""
    with superuser(served.folder / "cluster", served.region.name) as connection:
        found = connection.execute(
            "SELECT count(*) FROM fleet_devices d JOIN fleet_inventories i "
            "ON i.school = d.school AND i.device = d.id AND i.hash = d.inventory_hash "
            "WHERE d.inventory_hash LIKE 'w%%'"
        ).fetchone()
    assert found
    return int(found[0])


def overload(served: Served, args: argparse.Namespace, alone_per_second: float) -> dict[str, float]:
    """Ask with ten times the connections, each at once again, whatever it is told."""
    options = ("-t1", f"-c{10 * args.connections}", "-d10s", "--latency")
    told = {"check_ins": askers(served), "every": EVERY, "count_answers": 1}
    found = wrk(served, "check_ins.lua", *options, **told)
    return {
        "overload_offered_per_second": found["requests"] / found["seconds"],
        "overload_accepted_per_second": found["accepted"] / found["seconds"],
        "overload_accepted_ms_p99": found["bound_ms"],
        "overload_share_of_rate": found["accepted"] / found["seconds"] / alone_per_second,
        "overload_refused": found["refused"],
        "overload_without_retry_after": found["without_retry_after"],
        "overload_other_answers": found["other"] + found["errors"],
    }


def syncs(served: Served) -> dict[str, float]:
    """Pull deltas of many teachers' classes, and all of one school."""
    region, cluster = served.region, served.folder / "cluster"
    ends_at, lines = int(time.time()) + 7200, list[str]()
    with superuser(cluster, region.name) as connection:
        connection.execute("DELETE FROM teacher_tokens")
        for number in range(1, min(region.schools, 200) + 1):
            school, teacher = school_name(number), teacher_name(number, 1)
            token = token_for("teacher", school, f"benchmark-{number}")
            connection.execute(
                "INSERT INTO teacher_tokens (school, token_hash, teacher, family, ends_at) "
                "VALUES (%s, %s, %s, 'f', %s)",
                (school, hash_of(token), teacher, ends_at),
            )
            rows = connection.execute(
                "SELECT s.scope, s.sequence FROM roster_scopes s JOIN roster_teaching t "
                "ON t.school = s.school AND s.scope = 'class:' || t.class_id "
                "WHERE t.school = %s AND t.teacher = %s",
                (school, teacher),
            ).fetchall()
            for scope, last in rows:
                cursor = text_of(Cursor("epoch-1", scope, last - SHIFT))
                lines.append(f"{token} /api/changes?scope={scope}&cursor={cursor}")
        connection.execute(
            "INSERT INTO roster_teaching (school, teacher, class_id) "
            "SELECT school, %s, id FROM roster_classes WHERE school = %s ON CONFLICT DO NOTHING",
            (teacher_name(1, 1), school_name(1)),
        )
    deltas = served.work / "deltas"
    deltas.write_text("\n".join(lines))
    found = wrk(served, "deltas.lua", "-t1", "-c4", "-d8s", "--latency", deltas=deltas)
    first = [first_sync(served.url, lines[0].split()[0]) for _ in range(3)]
    tokens = list(dict.fromkeys(line.split()[0] for line in lines))[1:]
    return turns(served, tokens) | {
        "delta_ms_p50": found["p50_ms"],
        "delta_ms_p99": found["p99_ms"],
        "deltas_per_second": found["requests"] / found["seconds"],
        "delta_bad_answers": found["errors"] + found["bad_status"],
        "first_sync_seconds": sorted(seconds for seconds, _ in first)[1],
        "first_sync_rows": first[0][1],
    }


def turns(served: Served, tokens: list[str]) -> dict[str, float]:
    """Ask what a teacher's app asks in a turn in which nothing is new: trust, and its scopes."""
    asked = served.work / "turns"
    paths = ("/api/trust?deny_list=1", "/api/scopes")
    asked.write_text("\n".join(f"{token} {path}" for token in tokens for path in paths))
    before = served.cpu()
    found = wrk(served, "deltas.lua", "-t1", "-c4", "-d5s", "--latency", deltas=asked)
    after, idle = served.cpu(), found["requests"] / len(paths)
    server, database = ((b - a) / idle * 1e6 for a, b in zip(before, after, strict=True))
    return {
        "turns_per_second": idle / found["seconds"],
        "server_us_per_turn": server,
        "database_us_per_turn": database,
        "turn_bad_answers": found["errors"] + found["bad_status"],
    }


def first_sync(url: str, token: str) -> tuple[float, int]:
    """Pull all that a teacher of the whole school may; return the seconds and the rows."""
    begun, rows = time.perf_counter(), 0
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}) as http:
        scopes = mjson.decode(http.get("/api/scopes").content, type=Scopes).scopes
        for scope in scopes:
            cursor, more = "", True
            while more:
                query = httpx.QueryParams({"scope": scope, "cursor": cursor})
                page = mjson.decode(http.get(f"/api/changes?{query}").content, type=Changes)
                rows, cursor, more = rows + len(page.changes), page.cursor, page.has_more
    return time.perf_counter() - begun, rows


def monday(devices: int) -> float:
    """Switch all devices on within a minute; return the peak, a second, after the first cycle.

    Each comes first within the seconds that the server of a region tells, then at the times that
    it names.
    """
    drawn, seconds = random.Random(8), Counter[int]()  # noqa: S311
    for number in range(devices):
        name = f"d-{number}"
        start = drawn.random() * SWITCHED_ON_SECONDS
        at = int(start + drawn.random() * FIRST_SECONDS)
        for _ in range(CYCLES):
            at += next_check_in(name, at)
            seconds[at] += 1
    first_cycle = SWITCHED_ON_SECONDS + FIRST_SECONDS
    end = first_cycle + (CYCLES - 1) * INTERVAL_SECONDS
    return max(count for at, count in seconds.items() if first_cycle <= at < end)


if __name__ == "__main__":
    main()
