"""The time floor: the latest moment the school has signed, carried on by the boot clock.

A pupil sets the wall clock; a tablet wakes in 1970. Ends are judged at the floor, which only the
school's signature raises (DESIGN section 4, field study of security, section 4).
"""

from typing import Final, Protocol

from msgspec import Struct

FLOOR_LOWEST: Final = 1_735_689_600
"""2025-01-01: no statement of this protocol is older."""
FLOOR_HIGHEST: Final = FLOOR_LOWEST + 10 * 365 * 86_400
"""Beyond this a signed moment is a mistake: one bad signature must not age all devices to death."""
AHEAD_SECONDS: Final = 2 * 86_400
"""So far ahead of a clock that may be right, what is signed was signed by one that is wrong."""
CONFIRMED_SECONDS: Final = 4 * 3600
"""After so long on the boot clock another signature says that it is the wall clock which is."""


class Floor(Struct, frozen=True):
    """It was at least `seconds` (UTC, since 1970) when the boot clock said `at_boot`.

    `doubted`: a moment that was signed and not believed, and the boot clock then.
    """

    seconds: float = FLOOR_LOWEST
    at_boot: float = 0.0
    doubted: tuple[float, float] = (0.0, 0.0)

    def at(self, boot: float) -> float:
        """Return the floor at boot-clock second `boot`."""
        return self.seconds + max(0.0, boot - self.at_boot)

    def raised(self, issued_at: float, boot: float, wall: float) -> "Floor":
        """Return the floor after the school's signature named `issued_at`. It never falls.

        `wall` is no witness where it is days behind the floor. Where it is not, it has to agree: a
        server whose clock leaps for an hour would end every right for as long as it leapt. A wall
        clock that stands still is believed for hours only, then what the school goes on to sign.
        """
        now = self.at(boot)
        if not now < issued_at <= FLOOR_HIGHEST:
            return Floor(now, boot, self.doubted)
        agrees = issued_at <= wall + AHEAD_SECONDS or wall < now - AHEAD_SECONDS
        if agrees or self._confirmed(issued_at, boot):
            return Floor(issued_at, boot)
        told, at_boot = self.doubted
        leaps_on = issued_at > told + boot - at_boot + AHEAD_SECONDS
        return Floor(now, boot, (issued_at, boot) if leaps_on else self.doubted)

    def _confirmed(self, issued_at: float, boot: float) -> bool:
        told, at_boot = self.doubted
        later = boot - at_boot
        return later >= CONFIRMED_SECONDS and told <= issued_at <= told + later + AHEAD_SECONDS


class Ground(Protocol):
    """What a device knows by itself, without any network."""

    def boot(self) -> float:
        """Seconds since boot, counting suspend (CLOCK_BOOTTIME)."""
        ...

    def floor(self) -> float:
        """Tell the time floor now, UTC seconds."""
        ...

    def classes(self) -> tuple[str, ...]:
        """Tell the classes this device is assigned to; ("*",): any."""
        ...

    def signed_at(self, issued_at: int) -> None:
        """Hear that the school signed something at `issued_at`: the floor may rise."""
        ...
