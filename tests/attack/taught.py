"""A whole small lesson to attack: a guard with somebody at it, and a teacher's real app."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from classroom_app.demo.report import percentiles
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import GuardProcess, guard_process
from tests.attack.lesson import LOCK_MS_P99_MAX
from tests.attack.seat import sitting
from tests.attack.wall import HONEST, Shown, Wall, wall

TURN_MS_MAX: Final = 100.0
MEGABYTES_MAX: Final = 50.0


@asynccontextmanager
async def taught(
    ground: Ground,
    *,
    moved: bool = False,
    hasty: bool = False,
    within: Sequence[str] = (),
    options: Sequence[str] = (),
    seats: Path | None = None,
) -> AsyncGenerator[tuple[GuardProcess, Wall]]:
    """Hold the lesson while entered, then judge what app and guard have made of it.

    `moved`: the attack may end links and locks of the honest device; else it must not notice.
    `hasty`: the app looks for twins often. `within`: the command that the guard is run by, with its
    `options`. `seats`: where its seat finds it, if not in its folder.
    """
    command = ground.device.command(*within)
    async with guard_process(ground.folder, command, address=DEVICE, options=options) as guard:
        async with sitting(ground, seats or guard.folder), wall(ground, guard, hasty=hasty) as app:
            before = guard.megabytes()
            yield guard, app
            more = guard.megabytes() - before
        faults = [*faults_of(app.shown, moved=moved)]
        if not guard.lives or guard.bugs():
            faults.append(f"the guard died or has bugs: {guard.bugs()[:3]}")
        if more > MEGABYTES_MAX:
            faults.append(f"the guard kept {more:.0f} MB")
        if faults:
            raise Owed("; ".join(faults))


def faults_of(shown: Shown, *, moved: bool = False) -> list[str]:
    """Say what the teacher would have noticed of the attack at the honest device."""
    worst = percentiles(shown.lock_ms).p99
    gone = {change.state for change in shown.of(HONEST)} - {"live", "locked", "asked", "waiting"}
    faults = {
        f"Qt was held up for {shown.turn_ms_p99} ms": shown.turn_ms_p99 > TURN_MS_MAX,
        f"the app kept {shown.megabytes_more} MB": shown.megabytes_more > MEGABYTES_MAX,
        f"a lock took {worst:.0f} ms": worst > LOCK_MS_P99_MAX,
        f"its pictures stopped: {shown.pictures}": not shown.pictures.get(HONEST),
        f"the honest device was shown as {sorted(gone)}": bool(gone) and not moved,
    }
    return [words for words, so in faults.items() if so]
