"""What the sync needs of the store. The store's side is `classroom_app.storage.sync`."""

from collections.abc import Collection
from typing import Protocol

from central_mdm.contract.heads import Alarm, SignedHead
from central_mdm.contract.journal import Event, Outcome
from central_mdm.contract.partage import FileAnswer, FileOffered
from central_mdm.contract.roster import Change


class Exchanges(Protocol):
    """Whatever passes on what was written: `cloud.sync.Sync`, or nobody."""

    async def once(self, *, files: bool = True) -> None: ...
    def wake(self) -> None: ...
    def stop_files(self) -> None: ...
    def send_files(self) -> None: ...


class SyncStore(Protocol):
    """The store's side of the sync. Each call is one transaction, durable when it returns."""

    def in_step_at(self) -> float:
        """Return when all was last exchanged with this school and server, UTC seconds; 0: never."""
        ...

    async def keep_in_step(self, at: float) -> None:
        """Keep for the next start that all was exchanged, at `at` in UTC seconds."""
        ...

    async def cursor(self, scope: str) -> tuple[str, str]:
        """Return (epoch, cursor) of a scope; ("", "") for one never pulled or doubted.

        An epoch without a cursor: its rows are here, and all of it is to be told once more.
        """
        ...

    async def apply(
        self,
        scope: str,
        epoch: str,
        changes: tuple[Change, ...],
        cursor: str,
        count: int,
        checksum: str,
    ) -> bool:
        """Apply one page of changes and keep (epoch, cursor).

        Another epoch than the kept one: all rows of the scope go first. `row` None: a tombstone.
        An empty `checksum`: more pages follow, compare nothing. Else compare `count` and the sum
        (`central_mdm.contract.checksum`: over entity, id and sequence of each live row, so keep
        each row's sequence). Returns False where they differ: the scope is doubted then. It has no
        cursor any more, and its rows go in the transaction of the next page, pulled afresh.
        """
        ...

    async def keep_scopes(self, scopes: tuple[str, ...]) -> None:
        """Drop rows and cursor of every scope that is not named: it is no longer ours to hold."""
        ...

    async def waiting_events(self, limit: int) -> tuple[Event, ...]:
        """Return the oldest unsettled events, by sequence, at most `limit`."""
        ...

    async def waiting_count(self) -> int:
        """Return how many events and files wait to be sent."""
        ...

    async def refused_count(self) -> int:
        """Return how many were refused for good and wait for a person to look."""
        ...

    async def settled(self, outcomes: tuple[Outcome, ...]) -> None:
        """Note the server's answers in one transaction; applied and refused both wait no more."""
        ...

    async def waiting_files(self, limit: int) -> tuple[FileOffered, ...]:
        """Return collected work that the server does not have yet, smallest first.

        What cannot be read now is left out. Raises NotKept where nothing else waits.
        """
        ...

    async def waiting_work(self) -> tuple[int, int]:
        """Return how many files of collected work wait, and how many bytes they are in all."""
        ...

    async def chunk(self, manifest: bytes, digest: bytes) -> bytes | None:
        """Return a chunk of a waiting file by its BLAKE3; None where the library lost it.

        What the disk holds under that name and is not it any more is lost as well. Raises NotKept
        where this work cannot be read now.
        """
        ...

    async def suspected_files(self) -> frozenset[str]:
        """Return the ids of waiting files that were said to be kept and could not be shown."""
        ...

    async def suspect_file(self, file: str) -> None:
        """Note that a waiting file could not be shown by who says that it is kept."""
        ...

    async def file_settled(self, file: str, answer: FileAnswer) -> None:
        """Note that the server keeps or refuses a file (`answer.state`), by the file's id."""
        ...

    @property
    def origin(self) -> str:
        """The id of this journal, as its events bear it."""
        ...

    @property
    def after(self) -> int:
        """How many entries this journal had under another id."""
        ...

    async def go_on_anew(self, after: int) -> None:
        """Have the entries above `after` be those of a journal with an id of its own."""
        ...

    async def waiting_heads(self, limit: int) -> tuple[SignedHead, ...]:
        """Return signed heads that the central side has not answered yet, at most `limit`."""
        ...

    async def heads_told(self, heads: tuple[SignedHead, ...]) -> None:
        """Note that the central side has answered them, kept or refused."""
        ...

    async def doubt_work(self) -> int:
        """Let all work that was kept wait again, as far as it is here; return how much that is."""
        ...

    async def lacking_files(self, files: Collection[str]) -> int:
        """Let kept files wait again that are not there, but for whom is erased; return how many."""
        ...

    async def unsure_files(self, *, all_of_them: bool) -> tuple[str, ...]:
        """Return kept files of which nothing tells yet that the central side has them still.

        Either all, or only those after which it has taken an act: once asked for, they are sure.
        """
        ...

    async def sure_files(self, files: Collection[str]) -> None:
        """Note that these are there; those after which no act was taken stay unsure."""
        ...

    async def lost(self, held: int) -> int:
        """Return how many events are settled after sequence `held`, as `unsettle` counts them."""
        ...

    async def unsettle(self, held: int) -> int:
        """Let what is settled after sequence `held` wait again; return how many events that is."""
        ...

    async def alarmed(self, alarms: tuple[Alarm, ...]) -> bool:
        """Keep which alarms the central side tells of; return whether one of them is new."""
        ...
