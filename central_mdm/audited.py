"""What a command or an administrator's request changes is an act, written in its transactions."""

import argparse
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.identity import audit
from central_mdm.identity.rules import schools_here
from central_mdm.platform.acting import Acting, acting
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Refusal
from central_mdm.platform.ground import Ground

NOT_ACTS: Final = frozenset({
    "alarms", "ending", "sample", "standings", "tidy", "admin audit",
})  # fmt: skip
"""They read, are the clock's or the sample's; `tidy` is, but for a person's word on that clock."""
OF_ALL: Final = frozenset({"admin backup", "tidy"})
"""They are of each school, where they name none."""
TOLD: Final = (
    "role", "verbs", "kind", "region", "issuer", "client", "claim", "hours", "uses", "class_id",
    "network", "gateway", "private_minutes", "close_minutes", "all_grants", "feature", "minutes",
    "found", "gib", "person_gib", "dry_run", "joins", "clock_is_right",
)  # fmt: skip
"""Options that say what was done and are nobody's name, password, code or file."""
WHOSE: Final = ("teacher", "pupil", "id", "device", "class_id", "role")
"""Of whom or what: the first that is given; none is: of the whole school."""


@asynccontextmanager
async def witnessed(ground: Ground, command: str, args: argparse.Namespace) -> AsyncGenerator[None]:
    """Have what this command changes, or is refused, written down, on the word of who runs it."""
    options = vars(args)
    if command in NOT_ACTS and not options.get("clock_is_right"):
        yield
        return

    async def write(connection: AsyncConnection, school: str, now: Acting, refused: str) -> None:
        by = audit.By(f"person:{now.who}", "console") if now.who else audit.by_console()
        object_ = now.object or f"school {school}"
        told = command, object_, _detail(now, refused)
        await audit.record(connection, ground.clock(), school, by, *told)

    acting.set(Acting(write, _object(options), _told(options)))
    try:
        yield
    except (Refusal, OSError) as error:
        for school in await _schools(ground, command, options):
            await ground.database.keep_refusal(school, _code(error))
        raise


def acting_as(ground: Ground, caller: Caller, path: str) -> Acting:
    """Have what an administrator's request changes written down, on the word of who asks."""
    by = audit.by(caller)

    async def write(connection: AsyncConnection, school: str, now: Acting, refused: str) -> None:
        told = path, now.object, _detail(now, refused)
        try:
            await audit.record(connection, ground.clock(), school, by, *told)
        except Exception:
            ground.faults.audit += 1
            raise

    return Acting(write)


def _code(error: Refusal | OSError) -> str:
    if isinstance(error, Refusal):
        return error.code
    return "exists" if isinstance(error, FileExistsError) else "failed"


async def _schools(ground: Ground, command: str, options: Mapping[str, Any]) -> Collection[str]:
    """Name the schools that a command means and that are here: only they have an audit."""
    here, school = await schools_here(ground), options.get("school")
    if command in OF_ALL and not school:
        return here
    of = [each.partition("=")[0] for each in options.get("of") or ()]
    named = [school] if isinstance(school, str) else school
    return sorted(set(named or of) & set(here))


def _object(options: Mapping[str, Any]) -> str:
    if scope := options.get("scope"):
        return f"{scope} {options['target']}".strip()
    return _words(next((options[name] for name in WHOSE if options.get(name)), ""))


def _told(options: Mapping[str, Any]) -> str:
    told = {name: options.get(name) for name in TOLD}
    said = {
        name: value
        for name, value in told.items()
        if not (value is None or value is False or value == "")  # 0 and an empty list say much
    }
    return " ".join(f"{name}={_words(value)}" for name, value in said.items())


def _detail(now: Acting, refused: str) -> str:
    return f"refused: {refused} {now.detail}".rstrip() if refused else now.detail


def _words(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - argparse's lists
