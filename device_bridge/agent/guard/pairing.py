"""Pairing as the device sees it: the window its owner opens, and what is kept of a school.

What is kept is what enrolment by an MDM keeps, but for `fleet.json`: there is no server.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.enrolled import SchoolKept, check_given, keep_given, own_key
from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.records import DOOR_TYPE, door_label
from device_bridge.protocol.errors import NotAllowed
from device_bridge.protocol.fields import HOME_PORT
from device_bridge.protocol.pairing import WINDOW_SECONDS, PairGiven, PairRequested
from device_bridge.session.pairing import Code, Door, Guess
from device_bridge.trust.identity import csr
from device_bridge.trust.pairing import for_pairing

WINDOW_BYTES: Final = 16
Opened = Literal["own", "class", "secret"]
"""By a code that is shown here, by the class's code, by a QR code: the app then tries the right
one, and spends no try on another."""


class AlreadyEnrolled(NotAllowed):
    """The device has a school: its door stays shut."""

    def __init__(self) -> None:
        super().__init__("pair", "enrolled")


class Pairing:
    """One window of an unpaired device. `label` is what the teacher's app lists it as."""

    def __init__(  # noqa: PLR0913 - whose window, how and for how long
        self,
        folder: Folder,
        code: Code,
        about: tuple[str, str],
        *,
        now: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        opened: Opened = "own",
        seconds: float = WINDOW_SECONDS,
        decides: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the device's name and kind as `about`; `decides` as of `Guess`.

        Raises AlreadyEnrolled, or Broken.
        """
        if read_kept(folder.school) is not None:
            raise AlreadyEnrolled
        self._folder, self._key = folder, own_key(folder)
        self._opened: Opened = opened
        window = random_bytes(WINDOW_BYTES)
        self.label = door_label(window)
        name, kind = about
        self.door = Door(
            for_pairing(self._key, "device"),
            code,
            PairRequested(csr(self._key, "pupitre device"), name[:64], kind[:64]),
            self._keep,
            window=window,
            guess=Guess(seconds, now, decides),
        )

    def bind(self, addresses: Sequence[str], port: int = 0) -> int:
        """Listen; return the port: the one asked for, else the home port, or any.

        Raises OSError.
        """
        for wanted in (port,) if port else (HOME_PORT, 0):
            try:
                return self.door.bind(addresses, wanted)
            except OSError:
                if wanted == port:
                    raise
        return 0

    async def run(self, port: int, interfaces: Sequence[str] | None = None) -> PairGiven:
        """Announce and wait; return what was kept. Raises TurnedAway when the window closes."""
        async with Announcer(
            None,
            lambda: self.label,
            port,
            self._opened,
            interfaces=interfaces,
            addresses=interfaces,
            is_device=False,
            service_type=DOOR_TYPE,
        ):
            return await self.door.run()

    def _keep(self, given: PairGiven) -> None:
        """Check and write what the school gave, which is nothing without an assignment."""
        if not given.assignment:
            raise NotAllowed("assignment", "none")
        kept = SchoolKept(
            given.school,
            given.school_name,
            given.device,
            given.root,
            discovery=given.discovery,
            standby=given.standby,
            epoch=given.epoch,
        )
        check_given(self._key, kept, given.certificate, given.assignment)
        keep_given(self._folder, kept, given.certificate, given.assignment)
