"""Stores opened for a test and closed after it, and acts to put in."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import update

from classroom_app.domain.acts import PupilSpoke
from classroom_app.storage.keeping import Keeping, open_keeping
from classroom_app.storage.keys import Ring
from classroom_app.storage.tables import journal
from tests.rings import NoRing
from tests.stores import AMINA, LESSON, NOON, ONE


@asynccontextmanager
async def opened(home: Path, ring: Callable[[], Ring] = NoRing) -> AsyncGenerator[Keeping]:
    keeping = await open_keeping(home, ring)
    try:
        yield keeping
    finally:
        await keeping.close()


def words(number: int) -> PupilSpoke:
    """Return an act with personal fields; the same number is the same act."""
    return PupilSpoke(
        id=f"words-{number}",
        lesson=LESSON,
        at=NOON + number,
        device=ONE,
        pupil=AMINA,
        kind="words",
        text=f"Question {number}",
    )


async def spoil(keeping: Keeping, column: str, raw: bytes, *acts: str) -> None:
    """Alter the rows of these acts, as whoever has the key could, or a damaged page."""
    altered = update(journal).where(journal.c.id.in_(acts)).values({column: raw})
    await keeping.write(lambda connection: connection.execute(altered))
