"""A class comes up: every device proved, granted and telling its pupil, against bare TLS.

`python -m tests.benchmarks.handshake --devices 40`. Two processes hold the devices, each a real
guard behind its own port, certificate and key, with a seat that maps its indicator at once; this
process is the teacher's end, a real `Room`. Both share the machine's cores.

- `seconds_all`: from the moment all addresses are sighted until each device has verified
  certificate, grant and mandate from their bytes, mapped its indicator and reported "watching".
  Nothing is cached between rounds and TLS gives no tickets. Both ends collect their garbage as
  app and guard do.
- The bare way: as many mutual TLS 1.3 handshakes with the same keys, in the same processes, until
  each listener has said one byte, which it does when it has the client's certificate.
- `grant_check_cold_us`: grant and mandate verified from bytes. `grant_check_cached_us`: one message
  judged by papers that were read.

Rounds take turns; medians are told.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import timeit
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from ssl import SSLContext

from zeroconf.asyncio import AsyncZeroconf

from central_mdm.contract.names import Party
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.device import About, Device
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.makings import Makings
from device_bridge.garbage import collect_here, settle
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Report, Welcome
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.watching import WatchingDeclared
from device_bridge.session.dial import Address
from device_bridge.session.gate import Law
from device_bridge.session.room import Room
from device_bridge.session.wire import Wire
from device_bridge.trust.accept import Peer
from device_bridge.trust.allow import allow
from device_bridge.trust.identity import Identity, dialler_context, listener_context
from device_bridge.trust.mandates import Mandates
from device_bridge.trust.revocation import DenyLists
from tests.benchmarks.report import report
from tests.guards import SittingSeat
from tests.linked import Earth
from tests.school import SmallSchool, mandate_for
from tests.teaching import enrolled, now

HERE = "127.0.0.1"
PROCESSES = 2
ROUNDS = 31
ROUND_SECONDS = 30.0
CHECKS = 2000
SETTLE_SECONDS = 2.0


# The devices' processes.


async def hold(folders: Sequence[Path]) -> None:
    """Run the devices that live in `folders` until told to end; print both ports of each."""
    async with AsyncExitStack() as stack:
        workers = stack.enter_context(ThreadPoolExecutor(2))
        bulk = stack.enter_context(bulk_threads())
        zeroconf = AsyncZeroconf(interfaces=[HERE])
        stack.push_async_callback(zeroconf.async_close)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks: list[asyncio.Task[None]] = []
        for folder in folders:
            home = Folder(folder)
            makings = Makings(
                system_clock(), lambda: os.urandom(8).hex(), os.urandom, workers, bulk
            )
            device = Device(home, makings, About("bench", lambda _: "", lambda: 1.0))
            port = device.bind([HERE])
            SittingSeat(device.guard).sit()
            tasks.append(group.create_task(device.run(zeroconf, [HERE])))
            known = read_enrolment(home)
            bare = await asyncio.start_server(
                _say_one_byte, HERE, 0, ssl=listener_context(known.identity, known.school)
            )
            print(port, bare.sockets[0].getsockname()[1], flush=True)
        settle()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for task in tasks:
            task.cancel()


async def _say_one_byte(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"1")
    await reader.read()
    writer.close()


# The teacher's end.


class Wall:
    """`Hears`, `Papers` and `ServesBulk`; counts who reports that it is watched."""

    def __init__(self, school: SmallSchool, teacher: Identity, number: int) -> None:
        name = f"lesson-{number}"
        signed = school.grant(teacher, issued_at=now())
        told = mandate_for(teacher, name=name, lesson=name, issued_at=now())
        self.deny_lists = DenyLists(school.school)
        self.grant, self.mandate = (lambda: signed), (lambda: told)
        self.watched: set[str] = set()
        self.changed = asyncio.Event()

    def up(self, device: str, welcome: Welcome) -> None: ...
    async def framed(self, device: str, frame: Frame) -> None: ...
    def twin(self, device: str) -> None: ...
    def alone(self, device: str) -> None: ...
    def gone(self, device: str, why: str) -> None: ...
    def urgent(self, device: str, *, under_way: bool) -> None: ...

    async def serve(self, device: str, wire: Wire) -> None:
        del device
        await wire.receive()

    def heard(self, device: str, message: FromDevice) -> None:
        match message:
            case Report(feature="watching", state="on"):
                self.watched.add(device)
                self.changed.set()
            case _:
                pass


async def ours(
    school: SmallSchool, teacher: Identity, places: dict[str, Address], number: int
) -> float:
    """Bring the whole class up for lesson `number`, a new one; return the seconds."""
    wall = Wall(school, teacher, number)
    lesson = LessonDeclared(
        number, 600, "on", f"lesson-{number}", "5B", "5e B", "Ms Vidal", 3600, "p-1", "Lina"
    )
    room = Room(
        identity=teacher,
        school=school.school,
        papers=wall,
        hears=wall,
        floor=now,
        bulk=wall,
        jitter=lambda: 1.0,
    )
    for device in places:
        room.keep(device)
        room.declare(device, lesson)
        room.declare(device, WatchingDeclared(number, 600, "overview", 320, 180, 1.0))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(room.run())
        await asyncio.sleep(0)
        began = time.perf_counter()
        for device, place in places.items():
            room.sighted(device, [place])
        async with asyncio.timeout(ROUND_SECONDS):
            while len(wall.watched) < len(places):
                wall.changed.clear()
                await wall.changed.wait()
        took = time.perf_counter() - began
        running.cancel()
    return took


async def bare(context: SSLContext, ports: Sequence[int]) -> float:
    """Make as many mutual handshakes, and nothing else; return the seconds."""

    async def one(port: int) -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection(HERE, port, ssl=context, server_hostname="x")
        await reader.readexactly(1)
        return writer

    began = time.perf_counter()
    writers = await asyncio.gather(*map(one, ports))
    took = time.perf_counter() - began
    for writer in writers:
        writer.transport.abort()
    return took


async def _holding(folder: Path, share: Sequence[str]) -> Process:
    command = [sys.executable, "-m", "tests.benchmarks.handshake", "--hold"]
    command += [str(folder / device) for device in share]
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)


async def _ports(process: Process) -> tuple[int, int]:
    assert process.stdout is not None
    async with asyncio.timeout(ROUND_SECONDS):
        ours_, bare_ = (await process.stdout.readline()).split()
    return int(ours_), int(bare_)


def _each(work: Callable[[], object], times: int) -> float:
    """Return the microseconds that one call takes, the median of five goes."""
    return 1e6 * statistics.median(timeit.repeat(work, number=times, repeat=5)) / times


def checks(school: SmallSchool, teacher: Identity) -> dict[str, float]:
    """Time the judge alone, in microseconds: from bytes, and by papers that were read."""
    earth = Earth()
    law = Law("d-0", school.school, earth, Mandates(earth.boot), DenyLists(school.school))
    peer = Peer(Party(school.id, "teacher", "teacher-1"), teacher.key.public_key())
    grant, mandate = school.grant(teacher), mandate_for(teacher)
    cold = _each(lambda: law.read(grant, mandate, peer), CHECKS // 10)
    papers = law.read(grant, mandate, peer)
    lock = LockDeclared(1, locked=True, lease_seconds=600)
    cached = _each(lambda: allow(papers.grant, papers.seen, lock, law.standing()), CHECKS)
    return {"grant_check_cold_us": cold, "grant_check_cached_us": cached}


async def run(devices: int, rounds: int) -> dict[str, float]:
    async with asyncio.TaskGroup() as group:
        garbage = group.create_task(collect_here())
        measured = await measure(devices, rounds)
        garbage.cancel()
    return measured


async def measure(devices: int, rounds: int) -> dict[str, float]:
    school = SmallSchool(now=now())
    teacher = school.identity("teacher", "teacher-1")
    with tempfile.TemporaryDirectory(prefix="pupitre-bench-") as name:
        names = [f"d-{number}" for number in range(devices)]
        for device in names:
            await asyncio.to_thread(enrolled, school, Path(name) / device, device)
        shares = [names[number::PROCESSES] for number in range(PROCESSES)]
        processes = [await _holding(Path(name), share) for share in shares]
        try:
            ports: dict[str, tuple[int, int]] = {}
            for process, share in zip(processes, shares, strict=True):
                ports |= {device: await _ports(process) for device in share}
            await asyncio.sleep(SETTLE_SECONDS)  # mDNS has said all it has to
            context = dialler_context(teacher, school.school)
            places = {device: (HERE, port) for device, (port, _) in ports.items()}
            times: dict[str, list[float]] = {"ours": [], "bare": []}
            for number in range(1, rounds + 2):
                measured = {
                    "bare": await bare(context, [port for _, port in ports.values()]),
                    "ours": await ours(school, teacher, places, number),
                }
                sys.stderr.write(f"round {number}: {measured}\n")
                for way in times:
                    times[way] += [measured[way]] if number > 1 else []  # the first warms up
        finally:
            for process in processes:
                process.terminate()
                await process.wait()
    whole, handshakes = statistics.median(times["ours"]), statistics.median(times["bare"])
    return {
        "seconds_all": whole,
        "seconds_bare_tls": handshakes,
        "ratio_to_bare_tls": whole / handshakes,
        **checks(school, teacher),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--hold", type=Path, nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.hold:
        asyncio.run(hold(args.hold))
        return
    asked = {"devices": args.devices, "rounds": args.rounds}
    report("handshake", asked, asyncio.run(run(**asked)))


if __name__ == "__main__":
    main()
