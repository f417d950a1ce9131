"""Who drives this device: a pure machine. One at a time; whoever asked last, and nobody unseen.

The seat is ordered only once the pupil's bar is proved to name the one who drives.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol.attention import LEASE_ENDED
from device_bridge.protocol.control import (
    GIVEN_BACK,
    LINK_LOST,
    NOT_DRIVING,
    TOO_FAST,
    TOO_SOON,
    ControlAnswered,
    ControlDeclared,
    ControlInput,
    ControlOrdered,
    TextTyped,
)
from device_bridge.protocol.hello import Report, Superseded

AFTER_TAKE_BACK_SECONDS: Final = 10.0
"""For so long nobody drives whom the pupil has sent away."""
BAR_SECONDS: Final = 3.0
"""Within which the bar has to be proved to say who drives."""
NO_INDICATOR: Final = "no-indicator"
A_SECOND: Final = 600
AT_ONCE: Final = 1200
"""Events and characters: far above what hands make, and what a stalled network brings at once."""
LESSONS_MAX: Final = 8


Ended = Literal["off", "taken-back", "failed"]
Kind = Literal["control-on", "control-off", "control-taken-back", "control-failed"]
_ENDED: Final[dict[Ended, Kind]] = {
    "off": "control-off",
    "taken-back": "control-taken-back",
    "failed": "control-failed",
}


class Driver(Struct, frozen=True):
    """Who has asked, on which link. `order` 0: the bar is still to say so. `on`: the seat obeys."""

    link: int
    lesson: str
    teacher: str
    version: int
    screen: int
    asked_at: float
    lease_ends_at: float
    order: int = 0
    on: bool = False


class Driving(Struct, frozen=True):
    """`used`: the highest version that each lesson has asked with; moments are boot seconds."""

    driver: Driver | None = None
    used: tuple[tuple[str, int], ...] = ()
    not_before: float = 0.0
    order: int = 0
    spent_until: float = 0.0
    told_not: tuple[int, int] = (0, -1)


class Asked(Struct, frozen=True):
    """A declaration that was allowed. `why_not` as in `Looked`."""

    declared: ControlDeclared
    link: int
    lesson: str
    teacher: str
    why_not: str


class Came(Struct, frozen=True):
    """Input that was allowed."""

    message: ControlInput
    link: int


class Looked(Struct, frozen=True):
    """How things stand for the driver: why there may be none; whether the bar names this one."""

    why_not: str
    told: bool


class Answered(Struct, frozen=True):
    answer: ControlAnswered


class LinkWent(Struct, frozen=True):
    link: int


class SaysOnBar(Struct, frozen=True):
    """Have the bar name who drives; "": nobody."""

    name: str


class Tell(Struct, frozen=True):
    link: int
    message: Report | Superseded


class Wrote(Struct, frozen=True):
    """For the journal and the pupil's page."""

    kind: Kind
    driver: Driver
    why: str = ""


Event = Asked | Came | Looked | Answered | LinkWent
Effect = SaysOnBar | Tell | Wrote | ControlOrdered | ControlInput


def advance(held: Driving, event: Event, now: float) -> tuple[Driving, list[Effect]]:
    """Take one event at boot-clock second `now`; return the next state and what to do, in order."""
    match event:
        case Asked():
            return _asked(held, event, now)
        case Came(message, link):
            return _came(held, message, link, now)
        case Looked(why_not, told):
            return _looked(held, why_not, now, told=told)
        case Answered(answer):
            return _answered(held, answer, now)
        case LinkWent(link):
            mine = held.driver is not None and held.driver.link == link
            return _end(held, "off", LINK_LOST, tell=False) if mine else (held, [])


def _asked(held: Driving, asked: Asked, now: float) -> tuple[Driving, list[Effect]]:
    declared, driver = asked.declared, held.driver
    mine = driver is not None and (driver.link, driver.lesson) == (asked.link, asked.lesson)
    if mine and driver and declared.version == driver.version:
        if declared.on:
            return _renewed(held, driver, declared, now)
        return _end(held, "off", GIVEN_BACK)
    if declared.version <= dict(held.used).get(asked.lesson, -1):
        return held, [Tell(asked.link, Report("control", declared.version, "off", NOT_DRIVING))]
    others = tuple(pair for pair in held.used if pair[0] != asked.lesson)
    used = (*others, (asked.lesson, declared.version))[-LESSONS_MAX:]
    held = replace(held, used=used)
    effects: list[Effect] = []
    why_not = TOO_SOON if now < held.not_before else asked.why_not
    if mine or (declared.on and not why_not):
        held, effects = _end(held, "off", GIVEN_BACK, tell=mine, by=asked)
    if not declared.on:
        effects.append(Tell(asked.link, Report("control", declared.version, "off", GIVEN_BACK)))
        return held, effects
    if why_not:
        effects.append(Tell(asked.link, Report("control", declared.version, "failed", why_not)))
        return held, effects
    took = Driver(
        asked.link,
        asked.lesson,
        asked.teacher,
        declared.version,
        declared.screen,
        now,
        now + declared.lease_seconds,
    )
    return replace(held, driver=took), [*effects, SaysOnBar(asked.teacher)]


def _renewed(
    held: Driving, driver: Driver, declared: ControlDeclared, now: float
) -> tuple[Driving, list[Effect]]:
    longer = replace(driver, lease_ends_at=now + declared.lease_seconds)
    order = ControlOrdered(driver.order, True, declared.lease_seconds, driver.screen)  # noqa: FBT003 - on
    return replace(held, driver=longer), [order] if driver.order else []


def _came(
    held: Driving, message: ControlInput, link: int, now: float
) -> tuple[Driving, list[Effect]]:
    driver = held.driver
    if driver is None or not driver.on or (driver.link, driver.version) != (link, message.version):
        # Said once a version: what was on its way at a take-back is no new news.
        news = (link, message.version)
        off = Tell(link, Report("control", message.version, "off", NOT_DRIVING))
        return replace(held, told_not=news), [] if held.told_not == news else [off]
    cost = sum(len(one.text) if isinstance(one, TextTyped) else 1 for one in message.events)
    spent = max(held.spent_until, now - AT_ONCE / A_SECOND) + cost / A_SECOND
    if spent > now:
        return _end(held, "failed", TOO_FAST)
    return replace(held, spent_until=spent), [replace(message, version=driver.order)]


def _looked(held: Driving, why_not: str, now: float, *, told: bool) -> tuple[Driving, list[Effect]]:
    driver = held.driver
    if driver is None:
        return held, []
    if why_not:
        return _end(held, "off" if driver.on else "failed", why_not)
    if driver.lease_ends_at <= now:
        return _end(held, "off", LEASE_ENDED)
    if driver.order:
        return held, []
    if told:
        # A seat may outlive its guard: numbers must rise over the guard's lives as well.
        order = max(held.order + 1, int(now * 1000))
        lease = max(1, int(driver.lease_ends_at - now))
        held = replace(held, order=order, driver=replace(driver, order=order))
        return held, [ControlOrdered(order, True, lease, driver.screen)]  # noqa: FBT003 - on
    if now - driver.asked_at >= BAR_SECONDS:
        return _end(held, "failed", NO_INDICATOR)
    return held, []


def _answered(held: Driving, answer: ControlAnswered, now: float) -> tuple[Driving, list[Effect]]:
    driver = held.driver
    if driver is None or not driver.order or driver.order != answer.version:
        return held, []  # an echo of the past
    match answer.state:
        case "on":
            if driver.on:
                return held, []
            drives = replace(driver, on=True)
            report = Tell(driver.link, Report("control", driver.version, "on"))
            return replace(held, driver=drives), [Wrote("control-on", drives), report]
        case "taken-back":
            held = replace(held, not_before=now + AFTER_TAKE_BACK_SECONDS)
            return _end(held, "taken-back", "")
        case "off" | "failed":
            return _end(held, answer.state, answer.reason)


def _end(
    held: Driving,
    state: Ended,
    why: str,
    *,
    tell: bool = True,
    by: Asked | None = None,
) -> tuple[Driving, list[Effect]]:
    """Let the seat let go and say so. `by`: who has asked now; a colleague is told the name."""
    driver = held.driver
    if driver is None:
        return held, []
    effects: list[Effect] = []
    if driver.order:
        effects.append(ControlOrdered(driver.order, on=False))
    effects.append(SaysOnBar(""))
    if driver.on:
        effects.append(Wrote(_ENDED[state], driver, why))
    if by is not None and not tell:
        gone = Superseded("control", by.declared.version, by.teacher)
        effects.append(Tell(driver.link, gone))
    elif tell and by is None:
        effects.append(Tell(driver.link, Report("control", driver.version, state, why)))
    return replace(held, driver=None), effects
