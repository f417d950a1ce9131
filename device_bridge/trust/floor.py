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
"""After so long on the boot clock, and by what is signed, it is the wall clock that is wrong."""
ABSENT_SECONDS: Final = 100 * 86_400
"""A summer and more: so far a moment may be ahead of another, with the device off in between."""


class Doubt(Struct, frozen=True):
    """What was signed at `signed_at` was not believed at boot-clock second `at_boot`.

    Time switched off does not count in it, so that it may be below 0; `off`: there was some.
    """

    signed_at: float
    at_boot: float
    off: bool = False

    def after_boot(self, before: float, now: float) -> "Doubt":
        """Return it in a new boot, now at second `now`; it was kept at `before` of an earlier."""
        return Doubt(self.signed_at, now - self._since(before), off=True)

    def is_old(self, boot: float) -> bool:
        """Tell whether it has been held for hours of use: what is signed next may end it."""
        return self._since(boot) >= CONFIRMED_SECONDS

    def may_precede(self, issued_at: float, boot: float) -> bool:
        """Tell whether a clock that runs may have signed both, as far as is known here."""
        most = ABSENT_SECONDS if self.off else AHEAD_SECONDS
        return 0 <= issued_at - self.signed_at <= self._since(boot) + most

    def is_ended(self, issued_at: float, boot: float) -> bool:
        """Tell whether this was signed by a clock that has gone on for hours since: it is right.

        The same statement, which is shown again and again, says nothing more.
        """
        goes_on = issued_at - self.signed_at >= CONFIRMED_SECONDS
        return self.is_old(boot) and goes_on and self.may_precede(issued_at, boot)

    def _since(self, boot: float) -> float:
        return max(0.0, boot - self.at_boot)


class Floor(Struct, frozen=True):
    """It was at least `seconds` (UTC, since 1970) when the boot clock said `at_boot`."""

    seconds: float = FLOOR_LOWEST
    at_boot: float = 0.0
    doubt: Doubt | None = None

    def at(self, boot: float) -> float:
        """Return the floor at boot-clock second `boot`."""
        return self.seconds + max(0.0, boot - self.at_boot)

    def raised(self, issued_at: float, boot: float, wall: float) -> "Floor":
        """Return the floor after the school's signature named `issued_at`. It never falls.

        `wall` is no witness where it is days behind the floor. Where it is not, it has to agree: a
        server whose clock leaps for an hour would end every right for as long as it leapt. A wall
        clock that stands still is believed for hours only, then what the school goes on to sign.
        """
        now, doubt = self.at(boot), self.doubt
        if not now < issued_at <= FLOOR_HIGHEST:
            return Floor(now, boot, doubt)
        agrees = issued_at <= wall + AHEAD_SECONDS or wall < now - AHEAD_SECONDS
        if agrees or (doubt and doubt.is_ended(issued_at, boot)):
            return Floor(issued_at, boot)
        if doubt and doubt.may_precede(issued_at, boot):
            return Floor(now, boot, doubt)
        return Floor(now, boot, Doubt(issued_at, boot))


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
