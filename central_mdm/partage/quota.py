"""How much a school may keep, and each of its people may bring.

What is held once counts once, however many files are made of it: in the school's quota, and in that
of who brought it first.
"""

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
_SCHOOL: Final[BindParameter[str]] = bindparam("school")
# Asked for each new chunk: made once, it costs half.
_ROOM: Final = select(
    select(func.sum(chunks.c.size)).where(chunks.c.school == _SCHOOL).scalar_subquery(),
    select(func.sum(chunks.c.size))
    .where(chunks.c.school == _SCHOOL, chunks.c.brought_by == bindparam("person"))
    .scalar_subquery(),
    select(quotas.c.bytes).where(quotas.c.school == _SCHOOL).scalar_subquery(),
    select(quotas.c.person_bytes).where(quotas.c.school == _SCHOOL).scalar_subquery(),
)


class Room(Struct, frozen=True):
    """The narrower of two quotas; `of`: whose it is."""

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


async def room(connection: AsyncConnection, caller: Caller) -> Room:
    """Return how much the caller may still add, and what leaves no more."""
    asked = {"school": caller.school, "person": caller.id}
    by_all, by_one, allowed, each = (await connection.execute(_ROOM, asked)).one()
    rooms = (
        Room("school", int(by_all or 0), DEFAULT_BYTES if allowed is None else allowed),
        Room("person", int(by_one or 0), PERSON_BYTES if each is None else each),
    )
    return min(rooms, key=lambda one: one.left)


async def keep_quota(
    connection: AsyncConnection, school: str, allowed: int, person: int | None = None
) -> None:
    """Let the school keep `allowed` bytes, and each person bring `person`; None: as it was.

    What is here already stays, whatever the numbers.
    """
    told = {"bytes": allowed} | ({} if person is None else {"person_bytes": person})
    row = upsert(connection, quotas).values({"school": school, **told})
    await connection.execute(row.on_conflict_do_update(index_elements=["school"], set_=told))
