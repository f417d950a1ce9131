"""How much a school may keep, and each of its people may bring.

What is held once counts once, however many files are made of it: in the school's quota, and in that
of who brought it first.
"""

from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import BindParameter, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.partage import FileAnswer
from central_mdm.partage.model import chunks, quotas
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import TooLarge

DEFAULT_BYTES: Final = 100 * 1024**3
PERSON_BYTES: Final = 20 * 1024**3
LENT_PART: Final = 16
LENT_BYTES_MAX: Final = 64 * 1024**2
LENT_SECONDS: Final = 60
LOANS_MAX: Final = 10_000
_SCHOOL: Final[BindParameter[str]] = bindparam("school")
_HELD: Final = select(func.sum(chunks.c.size)).where(chunks.c.school == _SCHOOL)
_BY_ONE: Final = _HELD.where(chunks.c.brought_by == bindparam("person"))
_OF_SCHOOL: Final = select(
    _HELD.scalar_subquery(),
    select(quotas.c.bytes).where(quotas.c.school == _SCHOOL).scalar_subquery(),
)
_OF_PERSON: Final = select(
    _BY_ONE.scalar_subquery(),
    select(quotas.c.person_bytes).where(quotas.c.school == _SCHOOL).scalar_subquery(),
)


class Room(Struct, frozen=True):
    """A quota, and how much of it is used; `of`: whose it is."""

    of: Literal["school", "person"]
    used: int
    allowed: int

    @property
    def left(self) -> int:
        """Return how many bytes may still be added; 0 as well where the quota was lowered."""
        return max(self.allowed - self.used, 0)

    def answer(self, file: str) -> FileAnswer:
        """Return what a file is answered that is larger."""
        told = (self.left, self.allowed, self.of)
        return FileAnswer(file, "refused", (), "", "quota", *told)

    def refusal(self) -> TooLarge:
        """Return what a chunk is refused with that has no room."""
        return TooLarge(
            "quota",
            f"The {self.of} keeps {self.used} of {self.allowed} bytes: {self.left} are left.",
        )


async def room_of_school(connection: AsyncConnection, caller: Caller) -> Room:
    """Return the school's, by all chunks that are held: ask it seldom."""
    used, allowed = (await connection.execute(_OF_SCHOOL, {"school": caller.school})).one()
    return Room("school", int(used or 0), DEFAULT_BYTES if allowed is None else allowed)


async def room_of_person(connection: AsyncConnection, caller: Caller) -> Room:
    """Return the caller's own, by all chunks that they brought."""
    asked = {"school": caller.school, "person": caller.id}
    used, allowed = (await connection.execute(_OF_PERSON, asked)).one()
    return Room("person", int(used or 0), PERSON_BYTES if allowed is None else allowed)


class _Loan(Struct):
    """`left`: bytes that may be added until `until`, UTC seconds, with nothing summed."""

    left: int
    until: int


class Lent:
    """What this process may add without summing all that is held, which reads a row a chunk.

    It is lent to the school and to the person, a part of what a sum has left each. So a quota may
    be passed by what other processes were lent, `LENT_BYTES_MAX` each, and a lowered one is held
    to within `LENT_SECONDS`. Nobody is refused but by a sum of that moment.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._loans = dict[tuple[str, str], _Loan]()

    async def lacking(
        self, connection: AsyncConnection, caller: Caller, size: int, *, takes: bool
    ) -> Room | None:
        """Return the quota that has no room for `size` more bytes; None where both have.

        `takes`: they are about to be added.
        """
        rooms = {(caller.school, ""): room_of_school, (caller.school, caller.id): room_of_person}
        now, summed = self._clock(), dict[tuple[str, str], Room]()
        # The school's holds on where only the person's is used up: then theirs alone is summed.
        # Looked at again after each wait, as others take of a loan meanwhile.
        while lacks := [one for one in rooms.keys() - summed if not self._covers(one, size, now)]:
            for one in lacks:
                summed[one] = await rooms[one](connection, caller)
        narrow = min(summed.values(), key=lambda room: room.left, default=None)
        if narrow and narrow.left < size:
            return narrow
        loans = {
            one: _lend(summed[one], now) if one in summed else self._loans[one] for one in rooms
        }
        self._keep(loans)
        if takes:
            for loan in loans.values():
                loan.left -= size
        return None

    def _covers(self, whose: tuple[str, str], size: int, now: int) -> bool:
        loan = self._loans.get(whose)
        return loan is not None and now < loan.until and loan.left >= size

    def _keep(self, loans: dict[tuple[str, str], _Loan]) -> None:
        if len(self._loans) > LOANS_MAX:
            self._loans.clear()
        self._loans |= loans


def _lend(room: Room, now: int) -> _Loan:
    return _Loan(min(room.left // LENT_PART, LENT_BYTES_MAX), now + LENT_SECONDS)


async def keep_quota(
    connection: AsyncConnection, school: str, allowed: int, person: int | None = None
) -> None:
    """Let the school keep `allowed` bytes, and each person bring `person`; None: as it was.

    What is here already stays, whatever the numbers.
    """
    told = {"bytes": allowed} | ({} if person is None else {"person_bytes": person})
    row = upsert(connection, quotas).values({"school": school, **told})
    await connection.execute(row.on_conflict_do_update(index_elements=["school"], set_=told))
