"""What more than one service needs of the outside; `bootstrap.py` hands it in.

Each is as small as its callers need, and each service's file declares what it alone needs.
"""

from collections.abc import Sequence
from typing import Protocol

from classroom_app.domain.acts import Act, Declared
from device_bridge.protocol.control import ControlDeclared, ControlInput
from device_bridge.protocol.hello import Answer
from device_bridge.protocol.materials import HandInTaken
from device_bridge.protocol.messages import Command, Declaration
from device_bridge.protocol.talking import Heard

Tells = Heard | HandInTaken | ControlDeclared | ControlInput
"""What is said on the link there is now, or not at all."""


class Remembers(Protocol):
    """The journal. What it answered is durable; what raised was not written at all."""

    async def remember(self, act: Act, declared: Sequence[Declared] = ()) -> bool:
        """Keep `act` and the declarations it makes, both or neither. False: was kept already."""
        ...


class Devices(Protocol):
    """Where declarations and commands go (`device_bridge.session.room.Room`)."""

    def keep(self, device: str) -> None: ...
    def forget(self, device: str) -> None: ...
    def declare(self, device: str, declaration: Declaration) -> None: ...
    def show_papers(self) -> None: ...
    def tell(self, device: str, message: Tells) -> None: ...
    async def ask(self, device: str, command: Command) -> Answer:
        """Raise `DeviceError` where the device is not in reach."""
        ...


class Clock(Protocol):
    """Two times: the room's seconds, which only rise, and the wall's, which people read.

    `boot`: seconds that only rise and go on while the computer sleeps.
    """

    def seconds(self) -> float: ...
    def utc(self) -> int: ...
    def boot(self) -> float: ...


class Ids(Protocol):
    def __call__(self) -> str:
        """Make an id that fits `device_bridge.protocol.fields.Id`."""
        ...
