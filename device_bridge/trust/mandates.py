"""How long a lesson's mandate still holds here: counted on the boot clock from its first sight."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from central_mdm.contract.grants import MANDATE_SECONDS_MAX, Mandate
from device_bridge.protocol.errors import NotAllowed

REMEMBERED_MAX: Final = 256


class SeenMandate(Struct, frozen=True):
    """A mandate and the boot-clock second at which it ends on this device."""

    mandate: Mandate
    ends_at: float


class Mandates:
    """Remembers when each mandate was first seen, so that showing it again buys no time.

    The guard keeps `remaining()` on disk and hands it back after a restart.

    A lesson is of the teacher who named it first (`owners`, by lesson): its id is no secret, it
    names folders. Under another teacher's a link would get the pictures, and no bar would name it.
    """

    def __init__(
        self,
        boot: Callable[[], float],
        remaining: Mapping[str, float] | None = None,
        owners: Mapping[str, str] | None = None,
    ) -> None:
        self._boot = boot
        self._owners = dict(owners or {})
        now = boot()
        self._ends_at = {
            name: now + min(max(0.0, seconds), MANDATE_SECONDS_MAX)
            for name, seconds in (remaining or {}).items()
        }

    def see(self, mandate: Mandate, teacher: str = "") -> SeenMandate:
        """Start a new mandate's life, or find the one that runs. `teacher`: the id in the grant.

        Raises NotAllowed("mandate", "lesson") where the lesson is another teacher's.
        """
        if mandate.lesson not in self._owners and len(self._owners) >= REMEMBERED_MAX:
            # Own ones first: nobody makes a colleague's forgotten by naming many.
            mine = (lesson for lesson, owner in self._owners.items() if owner == teacher)
            del self._owners[next(mine, next(iter(self._owners)))]
        if self._owners.setdefault(mandate.lesson, teacher) != teacher:
            raise NotAllowed("mandate", "lesson")
        if mandate.id not in self._ends_at:
            while len(self._ends_at) >= REMEMBERED_MAX:
                del self._ends_at[next(iter(self._ends_at))]
            life = min(mandate.ends_at - mandate.issued_at, MANDATE_SECONDS_MAX)
            self._ends_at[mandate.id] = self._boot() + life
        return SeenMandate(mandate, self._ends_at[mandate.id])

    def remaining(self) -> dict[str, float]:
        """Seconds each has left; 0 for those that are over, which stay known."""
        now = self._boot()
        return {name: max(0.0, end - now) for name, end in self._ends_at.items()}
