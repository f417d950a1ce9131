"""What one tile of the wall may show: evidence, never a wish (shared FIELD, states)."""

from enum import Enum

from msgspec import Struct

from classroom_app.domain.lesson import DeviceId, PupilId


class State(Enum):
    """The one state a tile shows; when several are true the first here that is true is shown."""

    NOT_HERE = "not-here"
    GONE = "gone"
    OTHER_NETWORK = "other-network"
    OTHER_LESSON = "other-lesson"
    NOT_COVERED = "not-covered"
    TWIN = "twin"
    CLOCK = "clock"
    LOCKED = "locked"
    ASKED = "asked"
    DARK = "dark"
    PRIVATE = "private"
    WAITING = "waiting"  # connected, and no picture yet
    STALE = "stale"
    LIVE = "live"


class Wish(Struct, frozen=True):
    """What a pupil wants of the teacher. `place` counts hands in order of raising, from 1."""

    kind: str  # "hand", "words", "reply"
    since: float
    place: int = 0
    text: str = ""


class Tile(Struct, frozen=True):
    """A seat as it is now.

    `since` is in seconds of the room's clock; `reason` is the device's own word, plain and cut.

    `pupil` empty and `device` set: a device with nobody yet. `device` empty: nobody's device seen.
    `freed`: free by name while others are locked. Nothing here moves with the clock alone: what
    did not change is not painted again; the age of a stale picture is the time since `since`.
    `held` and `free` are receipts for the lock as it is declared now, whatever else is shown:
    counts such as "26 of 28 locked" are made of them alone. `claim`: who the pupil at the device
    says to be, while the teacher has not said yes. `until`: when another teacher's lesson ends, in
    seconds of the room's clock; 0: not known. `screens`: how many monitors the device has.
    """

    pupil: PupilId
    device: DeviceId
    name: str
    seat: int
    state: State
    since: float = 0.0
    reason: str = ""
    freed: bool = False
    wish: Wish | None = None
    battery_percent: int = -1
    fact: str = ""  # "handed-in", "arrived", "opened", "private"
    held: bool = False
    free: bool = False
    claim: PupilId = PupilId("")
    until: float = 0.0
    screens: int = 1

    @property
    def key(self) -> str:
        """What names this tile in calls to services: its pupil, or its device with nobody yet."""
        return self.pupil or self.device
