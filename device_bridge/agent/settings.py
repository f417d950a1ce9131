"""Settings of this machine that the school may declare, each by its way to set and to read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from central_mdm.contract.wanted import Body, Declaration, Report
from device_bridge.protocol.plain import plain

REASON_MAX: Final = 200
"""What is read on the machine may hold anything: a report that the MDM refuses would come again."""
UNKNOWN: Final = "this agent does not know it"


class Unsupported(Exception):
    """The machine has no way to do it; the words say why."""


class Failed(Exception):
    """There is a way, and it did not work; the words say what was found."""


class Setting(Protocol):
    """One feature on one kind of system. Both block, shortly."""

    def set(self, body: Body) -> None:
        """Make it so. Raises Unsupported or Failed."""
        ...

    def read(self, body: Body) -> tuple[bool, str]:
        """Tell whether the machine is as `body` says, and what was read there. Raises as `set`."""
        ...


Settings = Mapping[str, Setting]


def prove(settings: Settings, declared: Declaration, before: Report | None) -> Report:
    """Make one feature so and read it back: "applied" is what was read, never what was asked.

    Blocks. `before`: what it said the last time: a difference since then is a drift.
    """
    feature, version = declared.feature, declared.version
    setting = settings.get(feature)
    if setting is None:
        return Report(feature, version, "unsupported", UNKNOWN)
    try:
        is_so, found = setting.read(declared.body)
        if is_so:
            return Report(feature, version, "applied", plain(found, REASON_MAX))
        drifted = before is not None and (before.state, before.version) == ("applied", version)
        setting.set(declared.body)
        is_so, now = setting.read(declared.body)
    except Unsupported as error:
        return Report(feature, version, "unsupported", plain(str(error), REASON_MAX))
    except (Failed, OSError, ValueError) as error:
        return Report(feature, version, "failed", plain(str(error), REASON_MAX))
    if not is_so:
        return Report(feature, version, "failed", plain(f"still {now}", REASON_MAX))
    told = f"{now}; it had become {found}" if drifted else now
    return Report(feature, version, "applied", plain(told, REASON_MAX))


class NotHere:
    """A feature that this system's agent cannot set, with its reason."""

    def __init__(self, why: str) -> None:
        self._why = why

    def set(self, body: Body) -> None:
        del body
        raise Unsupported(self._why)

    def read(self, body: Body) -> tuple[bool, str]:
        del body
        raise Unsupported(self._why)


class Remembered:
    """A willing machine's: holds whatever it is told. For simulators."""

    def __init__(self) -> None:
        self._body: Body = {}

    def set(self, body: Body) -> None:
        self._body = dict(body)

    def read(self, body: Body) -> tuple[bool, str]:
        return self._body == body, str(self._body)


def number(body: Body, name: str) -> int:
    """Read one number of a body. Raises Failed for none."""
    value = body.get(name)
    if not isinstance(value, int):
        raise Failed(f"it has no {name}")
    return value


def text(body: Body, name: str) -> str:
    """Read one text of a body. Raises Failed for none."""
    value = body.get(name)
    if not isinstance(value, str):
        raise Failed(f"it has no {name}")
    return value


def _no_sound() -> None:
    raise Unsupported("no sound on this system")


def _no_restart() -> None:
    raise Unsupported("no way to restart this system")


@dataclass(frozen=True)
class Machine:
    """What this machine can be told. `ring` and `restart` block; both raise Unsupported or Failed.

    `ring` returns when the sound is over, `restart` when the system has taken it on.
    """

    settings: Settings = field(default_factory=dict[str, Setting])
    ring: Callable[[], None] = _no_sound
    restart: Callable[[], None] = _no_restart
