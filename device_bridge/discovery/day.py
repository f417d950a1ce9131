"""What a device is called in mDNS: another name each day, which only its school can read.

A name is the HMAC-SHA256 of day and device under the school's discovery key. Without that key
nobody can tell whose it is, nor that yesterday's and today's are one device's. It proves nothing:
who a device is, its certificate says.
"""

import hmac
from collections.abc import Callable, Iterable
from typing import Final

DAY_SECONDS: Final = 86_400
NAME_BYTES: Final = 16
DAYS_BACK: Final = 100
"""A device's day is its floor's, which stands still while it is switched off: a summer is twelve
weeks. Forty devices cost four thousand digests, some milliseconds once a class and day."""


def name_of_the_day(key: bytes, device: str, day: int) -> str:
    """Return what `device` is called on `day` (days since 1970), in 32 hex digits."""
    told = f"pupitre {day} {device}".encode()
    return hmac.digest(key, told, "sha256")[:NAME_BYTES].hex()


def day_of(utc_seconds: float) -> int:
    return int(utc_seconds // DAY_SECONDS)


class OwnName:
    """A device's side. `school_key` gives the key as it is known now, b"": none.

    Without a key the name is `chance`, made anew at each start: it links nothing, and tells
    the school nothing either, until the next check-in has brought the key.
    """

    def __init__(
        self,
        device: str,
        school_key: Callable[[], bytes],
        floor: Callable[[], float],
        chance: bytes,
    ) -> None:
        self._device, self._school_key, self._floor = device, school_key, floor
        self._chance = chance[:NAME_BYTES].hex()

    def __call__(self) -> str:
        key = self._school_key()
        if not key:
            return self._chance
        return name_of_the_day(key, self._device, day_of(self._floor()))


class KnownNames:
    """The app's side: it says whose a name is.

    `devices` are those asked about; `moments` the UTC seconds that may be now, for the wall clock
    of a teacher's computer may be years off and the school's newest signature days old.
    """

    def __init__(
        self,
        school_key: Callable[[], bytes],
        devices: Callable[[], Iterable[str]],
        moments: Callable[[], Iterable[float]],
    ) -> None:
        self._school_key, self._devices, self._moments = school_key, devices, moments
        self._made_of: tuple[bytes, frozenset[str], frozenset[int]] | None = None
        self._names: dict[str, tuple[str, ...]] = {}
        self._whose: dict[str, str] = {}

    def whose(self, name: str) -> str:
        """Return which device is announced by this name; "" for a stranger's."""
        self._follow()
        return self._whose.get(name, "")

    def names_of(self, device: str) -> tuple[str, ...]:
        """Return what a device may be called."""
        self._follow()
        return self._names.get(device, ())

    def _follow(self) -> None:
        today = frozenset(map(day_of, self._moments()))
        made_of = (self._school_key(), frozenset(self._devices()), today)
        if made_of == self._made_of:
            return
        self._made_of = made_of
        key, devices, today = made_of
        spans = (range(day - DAYS_BACK, day + 2) for day in today if key)
        days = frozenset(day for span in spans for day in span)
        # An agent of before there were names of the day announces its own id.
        self._names = {
            one: (one, *(name_of_the_day(key, one, day) for day in days)) for one in devices
        }
        self._whose = {name: one for one, names in self._names.items() for name in names}
