"""What the window asks for: the acts of a teacher, joined to the services in bootstrap.py."""

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from central_mdm.contract.second_factor import FactorMade
from classroom_app.domain.founding import Founding
from classroom_app.domain.lesson import ClassId, DeviceId
from classroom_app.domain.ready import Offered, ReadyDocument
from classroom_app.domain.tile import Tile

Work = Coroutine[Any, Any, None]


class Starts(Protocol):
    """Starts a coroutine from a slot, as `classroom_app.tasks.Tasks` does."""

    def start(self, work: Work, *, name: str, refused: Callable[[Exception], None]) -> object: ...


class Readies(Protocol):
    """What stands ready for a class, in a lesson and outside of one."""

    async def ready_for(self, class_id: ClassId) -> tuple[Offered, ...]:
        """Return the list, the oldest choice first."""
        ...

    async def keep_ready(self, class_id: ClassId, path: Path) -> None:
        """Take a copy of the file, which may go away then."""
        ...

    async def take_out_ready(self, class_id: ClassId, document: str) -> None: ...


class Acts(Readies, Protocol):
    """Each returns when the act is kept (journal first); receipts come later as tiles.

    `tiles` are the seats in scope, present or not: a latecomer gets what was asked of all.
    """

    async def lock(self, tiles: Sequence[Tile], sentence: str) -> None: ...

    async def free(self, tiles: Sequence[Tile]) -> None: ...

    async def hand_out(
        self, tiles: Sequence[Tile], paths: Sequence[Path], ready: Sequence[ReadyDocument] = ()
    ) -> None: ...

    async def collect(self, tiles: Sequence[Tile]) -> None: ...

    async def message(self, tiles: Sequence[Tile], text: str) -> None: ...

    async def answer_hand(self, tile: Tile) -> None: ...

    async def seat(self, seats: Sequence[tuple[Tile, str]]) -> None:
        """Say who sits at each tile's device: a pupil's id, "" for nobody."""
        ...

    async def keep_picture(self, tile: Tile) -> None:
        """Keep what is closely looked at; the device tells its pupil and may refuse."""
        ...

    async def keep_pictures(self, tiles: Sequence[Tile]) -> None:
        """Keep a picture of each of these screens; returns when each has ended, told on the way."""
        ...

    def stop_pictures(self) -> None:
        """Let the rest of them be."""
        ...

    async def undo(self) -> None:
        """Take the last act back; only asked within 30 s of it."""
        ...

    async def end(self) -> None: ...

    async def go_on(self) -> None:
        """Take the end of the lesson back; only asked within 60 s of it."""
        ...

    async def extend(self, seconds: int) -> None:
        """Move the lesson's end so many seconds on."""
        ...

    async def share(self, *, shared: bool) -> None:
        """Let a colleague have a lesson of this class beside this one, or no longer."""
        ...

    async def collect_then_end(self, tiles: Sequence[Tile]) -> None:
        """End when the work of those who are here has come, or does not come any more."""
        ...

    async def sync_now(self) -> None: ...

    def stop_files(self) -> None:
        """Send no more collected work after what is under way."""
        ...

    def send_files(self) -> None:
        """Send the collected work that waits, whatever the network is."""
        ...

    async def save_works(
        self, works: Sequence[str], folder: Path, goes_on: Callable[[int], bool]
    ) -> tuple[int, int]:
        """Copy the works of these acts (`presenters.saving.Saves`)."""
        ...


class Opens(Protocol):
    """The acts before a lesson."""

    async def sign_in(
        self, server: str, school: str, login: str, password: str, code: str = ""
    ) -> None:
        """Sign in; `code` is the second factor of who needs one."""
        ...

    async def account_at(self, server: str, school: str) -> str:
        """Return what the school's account is called at its server; empty: there is none."""
        ...

    async def sign_in_by_account(self, server: str, school: str) -> bool:
        """Sign in with it, in the browser; return whether somebody did."""
        ...

    async def choose_factor(self) -> FactorMade:
        """Have a second factor made for who needs one and has none; it is shown once."""
        ...

    async def give_code(self, code: str) -> None:
        """Go on with the sign-in that lacked only this code."""
        ...

    def give_up_account(self) -> None:
        """Wait for the browser no longer."""
        ...

    async def dial(self, address: str) -> None:
        """Try a device at a typed address."""
        ...

    async def found_school(self, asked: Founding) -> None:
        """Start a school on this computer, where there is no server."""
        ...

    async def add_devices(self, class_id: ClassId, passphrase: str = "") -> None:
        """Open a pairing window for a class; where the school's key is locked, open that first."""
        ...

    async def back_up(self, path: str, passphrase: str) -> None:
        """Write this computer's own school to a sealed file."""
        ...

    async def restore_school(self, path: str, passphrase: str, teacher: str) -> None:
        """Open a school's backup on this computer, with `teacher` as one more."""
        ...

    async def succeed(self, safe: str, passphrase: str, next_safe: str) -> None:
        """End the school's key by the file from the safe; the next one's file goes elsewhere."""
        ...

    async def release(self, device: DeviceId, path: str, passphrase: str) -> None:
        """Write the file by which a device leaves this computer's own school."""
        ...

    async def note_left(self, path: str) -> str:
        """Read the receipt of a device that has left, and take it out of its class."""
        ...

    async def choose_passphrase(self, before: str, passphrase: str) -> str:
        """Seal this computer's store by a passphrase, "" by none; `before` is the one of now.

        Returns by what its key is kept then.
        """
        ...

    async def start_lesson(self, class_id: ClassId, seconds: int) -> None: ...
