"""What a command or an administrator's request changes is an act, written in its transactions."""

import argparse
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.identity import audit
from central_mdm.platform.acting import Acting, acting
from central_mdm.platform.authentication import Caller
from central_mdm.platform.ground import Ground

NOT_ACTS: Final = frozenset({"alarms", "ending", "sample", "tidy", "release", "admin audit"})
"""They read, are the clock's or the sample's; who releases proves to be a person, who is named."""
TOLD: Final = (
    "role", "verbs", "kind", "region", "issuer", "client", "claim", "hours", "uses", "class_id",
    "network", "gateway", "private_minutes", "close_minutes", "all_grants",
)  # fmt: skip
"""Options that say what was done and are nobody's name, password, code or file."""
WHOSE: Final = ("teacher", "device", "pupil", "id", "login", "class_id")


def witness(ground: Ground, command: str, args: argparse.Namespace) -> None:
    """Have what this command changes written down, on the word of who runs it here."""
    if command in NOT_ACTS:
        return
    options = vars(args)
    whose = next((str(options[name]) for name in WHOSE if options.get(name)), "")
    told = {name: options[name] for name in TOLD if options.get(name)}
    detail = " ".join(f"{name}={_words(value)}" for name, value in told.items())
    by = audit.by_console()

    async def write(connection: AsyncConnection, school: str, object_: str) -> None:
        await audit.record(connection, ground.clock(), school, by, command, object_, detail)

    acting.set(Acting(write, whose))


def acting_as(ground: Ground, caller: Caller, path: str) -> Acting:
    """Have what an administrator's request changes written down, on the word of who asks."""
    by = audit.by(caller)

    async def write(connection: AsyncConnection, school: str, object_: str) -> None:
        try:
            await audit.record(connection, ground.clock(), school, by, path, object_)
        except Exception:
            ground.faults.audit += 1
            raise

    return Acting(write)


def _words(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - argparse's lists
