"""A load from its school's making to its end, told line by line."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from central_mdm.fleet.seen import FLUSH_SECONDS
from central_mdm.load.report import Loaded, told
from central_mdm.load.school import LoadSchool, end_school, make_school
from central_mdm.load.tally import OK, Tally, milliseconds, offer
from central_mdm.load.target import Target
from central_mdm.load.teachers import ROUND_SECONDS
from central_mdm.load.wire import Answer, Lines, request
from central_mdm.platform.errors import Refused
from central_mdm.platform.ground import Ground
from central_mdm.platform.limits import Rates

COME_AT_ONCE: Final = 32
SIGN_IN_AT_ONCE: Final = 4
"""A password costs the server 64 MiB while it is looked at."""
NOT_HERE: Final = "404"
WRITTEN_SECONDS: Final = 3 * FLUSH_SECONDS + 1
"""After those before it are spread, and a pause, the last heartbeats are spread as well."""
NOT_THERE: Final = "No MDM answers there. Start it: pupitre-mdm serve."
ANOTHER: Final = (
    "The server does not let them in ({}). Name the folder and database that it serves."
)
NOT_ALL: Final = (
    "The server answers 404: it does not serve all rooms (--only). Name one that does, or an "
    "ingress on this machine that sends each path to its own."
)
TOO_OFTEN: Final = (
    "A device is let check in {} times within {} seconds, so {} of them offer {} a second at the "
    "most. Take more devices, or fewer check-ins."
)
Say = Callable[[str], None]


class Plan(Struct, frozen=True):
    """What is offered: `rate` check-ins a second; `fresh`: each on a connection of its own."""

    devices: int
    seconds: int
    rate: float
    teachers: int = 0
    fresh: bool = False


def hold_to_limits(plan: Plan) -> None:
    """Raise Refused for more than a server lets devices ask: 429 tells nothing of a machine."""
    let = Rates().check_in
    each = let.burst + let.a_second * plan.seconds
    most = int(each * plan.devices / plan.seconds)
    if plan.rate > most:
        told = TOO_OFTEN.format(int(each), plan.seconds, plan.devices, most)
        raise Refused("too-often", told)


async def load(ground: Ground, target: Target, plan: Plan, say: Say) -> Loaded:
    """Make a school, ask the server as its devices and teachers do, take the school away."""
    hold_to_limits(plan)
    lines = Lines(target, fresh=plan.fresh)
    try:
        await _want_server(lines)
        async with school_for(ground, plan, say) as made:
            came_up = await come_up(lines, made)
            say(f"All had shown who they are and come once after {came_up:.1f} s.")
            loaded = await _measure(lines, made, plan, came_up)
            for line in told(loaded):
                say(line)
            return loaded
    finally:
        lines.close()


@asynccontextmanager
async def school_for(ground: Ground, plan: Plan, say: Say) -> AsyncGenerator[LoadSchool]:
    """Make a school for as long as the block lasts, however it ends."""
    name, begun = f"load-{secrets.token_hex(6)}", time.perf_counter()
    try:
        made = await make_school(ground, name, plan.devices, plan.teachers)
        took = time.perf_counter() - begun
        say(f"{name}: {plan.devices} devices and {plan.teachers} teachers made in {took:.1f} s.")
        try:
            yield made
        finally:
            # When each was seen the server writes a little later, and would of who is away.
            await asyncio.sleep(WRITTEN_SECONDS)
    finally:
        if await end_school(ground, name):
            say(f"{name} is taken away.")


async def come_up(lines: Lines, made: LoadSchool) -> float:
    """Let each device show its key and check in, each teacher sign in and pull all.

    Return the seconds that it took. Raises Refused where one of them is not let in.
    """
    begun = time.perf_counter()
    tally = Tally()
    devices = (one.check_in(lines) for one in made.devices)
    people = (one.come(lines) for one in made.teachers)
    await each_of(tally, devices, COME_AT_ONCE)
    await each_of(tally, people, SIGN_IN_AT_ONCE)
    if tally.errors or tally.refused:
        if NOT_HERE in tally.errors:
            raise Refused("not-all-rooms", NOT_ALL)
        told = ", ".join([*tally.errors, *["busy"][: tally.refused]])
        raise Refused("not-let-in", ANOTHER.format(told))
    return time.perf_counter() - begun


async def check_ins(lines: Lines, made: LoadSchool, rate: float, seconds: int) -> Tally:
    """Let the devices check in one after the other, `rate` of them a second."""
    count = len(made.devices)
    return await offer(rate, seconds, lambda n: made.devices[n % count].check_in(lines, n + 1))


async def lessons(lines: Lines, made: LoadSchool, seconds: int) -> Tally:
    """Let each teacher's app pull once and push once a round."""
    count = len(made.teachers)
    if not count:
        return Tally()

    def turn(number: int) -> Coroutine[Any, Any, Answer]:
        return made.teachers[number % count].turn(lines, number // count)

    return await offer(2 * count / ROUND_SECONDS, seconds, turn)


async def _want_server(lines: Lines) -> None:
    try:
        answer = await lines.ask(request("GET", "/health"))
    except OSError:
        raise Refused("not-there", NOT_THERE) from None
    if answer.status != OK:
        raise Refused("not-there", NOT_THERE)


async def each_of(tally: Tally, asked: Iterable[Coroutine[Any, Any, Answer]], at_once: int) -> None:
    """Ask each, so many at a time."""
    waiting = iter(asked)

    async def some() -> None:
        for one in waiting:
            await tally.ask(one, time.perf_counter())

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(some())


async def _measure(lines: Lines, made: LoadSchool, plan: Plan, came_up: float) -> Loaded:
    begun, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as tasks:
        devices = tasks.create_task(check_ins(lines, made, plan.rate, plan.seconds))
        people = tasks.create_task(lessons(lines, made, plan.seconds))
    took = time.perf_counter() - begun
    tally = devices.result()
    return Loaded(
        devices=plan.devices,
        seconds=plan.seconds,
        offered=plan.rate,
        came_up_seconds=round(came_up, 3),
        check_ins=tally.figures(took),
        teachers=people.result().figures(took),
        generator_cpu=round((time.process_time() - cpu) / took, 3),
        generator_late_ms_p99=milliseconds(sorted(tally.late), 0.99),
    )
