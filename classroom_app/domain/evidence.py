"""What a device has said of itself, kept as said; `advance`-like functions take one message each.

Seconds are the room's clock. Nothing the teacher wishes stands here.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.tile import Wish
from device_bridge.protocol.declared import BELIEVED_MAX
from device_bridge.protocol.fields import GONE_SECONDS, PROOF_OLD_SECONDS, STALE_SECONDS
from device_bridge.protocol.hello import (
    Pulse,
    Refused,
    Report,
    ScreensTold,
    Superseded,
    Welcome,
)
from device_bridge.protocol.materials import MaterialReport
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.presence import Company

BOOTS_KEPT: Final = 8
TWIN_GONE_SECONDS: Final = 60.0
"""How long the other of two machines is not met before the one that answers is believed again: a
copy that sleeps for a moment, or is started anew, is not gone."""


class Evidence(Struct, frozen=True):
    """One device. `up_since` None: no link; `gone_since` None: it never had one in this lesson.

    `reports` holds the newest report a feature, each with when it came. `proved_version` and
    `proved_at`: the newest lock that the device proved, and when. `shown_at`: when the newest
    frame was last known to be what the screen shows; `unreadable_at`: since when its frames are
    no pictures. `overruled`: who else's lesson holds,
    `overruled_until`: when it ends, 0 where nobody said; `overruled_version`: by what number it
    does. Ours holds again with a higher one: an equal one is theirs.
    `company`: who else has a lesson of the class there, beside ours; `anothers`: the newest number
    of a lock that was told while there was any. With nobody there a higher one is no colleague's.
    `refused`: why the device would not obey the newest lock. `twin_at`: when the other
    of two machines with its key was last met; None: only one is known.
    """

    device: DeviceId
    up_since: float | None = None
    gone_since: float | None = None
    why_gone: str = ""
    heard_at: float = 0.0
    boots: tuple[str, ...] = ()
    twin_at: float | None = None
    reports: tuple[tuple[Report, float], ...] = ()
    proved_version: int = 0
    proved_at: float = 0.0
    frame: int = -1
    framed_at: float | None = None
    shown_at: float | None = None
    unreadable_at: float | None = None
    screens: int = 1
    screen_width: int = 0
    screen_height: int = 0
    battery_percent: int = -1
    clock_off_seconds: int = 0
    materials: tuple[MaterialReport, ...] = ()
    overruled: str = ""
    overruled_until: float = 0.0
    overruled_version: int = 0
    company: tuple[str, ...] = ()
    anothers: int = 0
    refused: str = ""
    claim: PupilId = PupilId("")
    wish: Wish | None = None
    handed_in: bool = False

    def report(self, feature: str) -> tuple[Report, float] | None:
        return next((kept for kept in self.reports if kept[0].feature == feature), None)


def clock_off(told: Welcome | Pulse, utc: float) -> int:
    """Tell by how many seconds a device's clock is wrong.

    Behind is known by what its school has signed, ahead only by `utc`, what we take the time to be.
    """
    if told.clock_off_seconds or not told.wall_at:
        return told.clock_off_seconds
    return max(0, int(told.wall_at - utc))


def came(seen: Evidence, welcome: Welcome, now: float, utc: float) -> Evidence:
    """Take a link's beginning. An earlier start's id coming back means two machines, one name."""
    boot = welcome.boot
    twin = boot in seen.boots and boot != seen.boots[-1]
    boots = tuple(kept for kept in seen.boots if kept != boot)[1 - BOOTS_KEPT :]
    again = bool(seen.boots) and seen.boots[-1] == boot
    screen = welcome.screens[0] if welcome.screens else None
    return replace(
        seen,
        up_since=now,
        why_gone="",
        heard_at=now,
        boots=(*boots, boot),
        twin_at=now if twin else seen.twin_at,
        # What an earlier start said is no word of this one.
        reports=seen.reports if again else (),
        frame=-1,
        shown_at=seen.shown_at,
        # A device whose seat is not up yet has told of none, and lost none.
        screens=len(welcome.screens) or seen.screens,
        screen_width=screen.width if screen else 0,
        screen_height=screen.height if screen else 0,
        clock_off_seconds=clock_off(welcome, utc),
        overruled="",
        company=(),
        refused="",
    )


def alone(seen: Evidence, now: float) -> Evidence:
    """Take a look that met no other machine: after a minute of such the one left is believed."""
    if seen.twin_at is None or now - seen.twin_at < TWIN_GONE_SECONDS:
        return seen
    return replace(seen, twin_at=None)


def went(seen: Evidence, why: str, now: float) -> Evidence:
    if seen.up_since is None:
        return replace(seen, why_gone=why)
    return replace(seen, up_since=None, gone_since=now, why_gone=why)


def pulsed(seen: Evidence, pulse: Pulse, now: float, utc: float) -> Evidence:
    """Take a pulse: it confirms a picture or a proof only by its number."""
    proved_at = now - pulse.proof_age_ms / 1000
    newer = pulse.proof_version and (
        pulse.proof_version != seen.proved_version or proved_at > seen.proved_at
    )
    same = pulse.current and seen.frame >= 0 and pulse.frame == seen.frame
    return replace(
        seen,
        heard_at=now,
        proved_version=pulse.proof_version if newer else seen.proved_version,
        proved_at=proved_at if newer else seen.proved_at,
        shown_at=now if same else seen.shown_at,
        battery_percent=pulse.battery_percent,
        clock_off_seconds=clock_off(pulse, utc),
    )


def goes_on(before: Evidence, seen: Evidence) -> bool:
    """Whether the newer evidence only says that all is still so: most frames and pulses do."""
    for was, now, old_seconds in (
        (before.shown_at, seen.shown_at, STALE_SECONDS),
        (before.proved_at, seen.proved_at, PROOF_OLD_SECONDS),
        (before.heard_at, seen.heard_at, GONE_SECONDS),
    ):
        if was != now and (was is None or now is None or not 0 <= now - was < old_seconds):
            return False
    return before == replace(
        seen,
        frame=before.frame,
        framed_at=before.framed_at,
        shown_at=before.shown_at,
        proved_at=before.proved_at,
        heard_at=before.heard_at,
    )


def framed(seen: Evidence, frame: Frame, now: float, *, readable: bool = True) -> Evidence:
    """Take a picture. One that cannot be read shows nothing, and a pulse does not confirm it."""
    return replace(
        seen,
        frame=frame.number if readable else -1,
        framed_at=now if readable else seen.framed_at,
        shown_at=now if readable else seen.shown_at,
        unreadable_at=None if readable else (seen.unreadable_at or now),
        screen_width=frame.screen_width,
        screen_height=frame.screen_height,
    )


def reported(seen: Evidence, report: Report, now: float, *, ours: bool = False) -> Evidence:
    """Keep the newest report a feature. A lock's report is itself a proof of its moment.

    `ours`: it is about what we declared, not about another teacher's lesson.
    """
    earlier = seen.report(report.feature)
    if earlier and BELIEVED_MAX >= earlier[0].version > report.version:
        return seen
    others = tuple(kept for kept in seen.reports if kept[0].feature != report.feature)
    kept = replace(seen, heard_at=now, reports=(*others, (report, now)))
    if report.feature == "attention":
        anothers = report.version if seen.company else seen.anothers
        kept = replace(kept, refused="", anothers=anothers)
    if report.feature == "attention" and report.state == "locked":
        return replace(kept, proved_version=report.version, proved_at=now)
    if report.feature == "attention" and report.version >= seen.proved_version:
        return replace(kept, proved_version=0, proved_at=0.0)
    above = ours and report.version > seen.overruled_version
    if above and report.feature == "presence" and report.state == "on":
        return replace(kept, overruled="")
    return kept


def screens_told(seen: Evidence, told: ScreensTold, now: float) -> Evidence:
    return replace(seen, heard_at=now, screens=len(told.screens) or seen.screens)


def material_reported(seen: Evidence, report: MaterialReport, now: float) -> Evidence:
    others = tuple(kept for kept in seen.materials if kept.handout != report.handout)
    return replace(seen, heard_at=now, materials=(*others[-99:], report))


def refused(seen: Evidence, message: Refused, now: float) -> Evidence:
    """Take a device's no. What moves nobody on the wall is only a sign of life."""
    why = message.reason or message.why
    lock = message.kind == "lock-declared"
    return replace(seen, heard_at=now, refused=why if lock else seen.refused)


def of_colleagues(seen: Evidence, message: Company | Superseded, now: float) -> Evidence:
    """Take who teaches here beside us, or that another's declaration holds.

    Where that is not their lesson, both teach on.
    """
    if isinstance(message, Company):
        return replace(seen, heard_at=now, company=message.teachers, overruled="")
    if message.feature != "presence":
        return replace(seen, heard_at=now)
    until = now + message.ends_in_seconds if message.ends_in_seconds else 0.0
    by = message.by or "?"
    return replace(
        seen,
        heard_at=now,
        overruled=by,
        overruled_until=until,
        overruled_version=message.version,
        company=(),
    )
