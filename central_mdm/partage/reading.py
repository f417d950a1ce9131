"""Reading files back: whose they are, what they are made of, and where its bytes lie."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.partage import FileKept, FileNamed, FilesListed, Manifest
from central_mdm.partage.model import documents, files
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Missing
from central_mdm.roster.reading import classes_now

FILES_A_PAGE = 200
_manifest = msgspec.msgpack.Decoder(Manifest)
# A school reads by these all day: made once, they cost half.
FILES: Final = select(
    files.c.id,
    files.c.lesson,
    files.c.teacher,
    files.c.class_id,
    files.c.pupil,
    files.c.name,
    files.c.document,
    files.c.kept_at,
    documents.c.size,
    documents.c.manifest,
).join(
    documents,
    (documents.c.school == files.c.school) & (documents.c.id == files.c.document),
)
_ONE: Final = FILES.where(files.c.school == bindparam("school"), files.c.id == bindparam("id"))
_PAGE: Final = (
    FILES.where(
        files.c.school == bindparam("school"),
        files.c.class_id == bindparam("class_id"),
        files.c.id > bindparam("after"),
    )
    .order_by(files.c.id)
    .limit(FILES_A_PAGE + 1)
)


class Kept(msgspec.Struct, frozen=True):
    """A file as it can be read back."""

    about: FileKept
    size: int

    def chunks(self) -> tuple[str, ...]:
        return tuple(chunk.hash.hex() for chunk in _manifest.decode(self.about.manifest).chunks)


async def lacking(
    connection: AsyncConnection, caller: Caller, ids: Sequence[str]
) -> tuple[str, ...]:
    """Return which of these this person has not had kept here.

    A database that was set back lacks the last of them and maybe no act, so only they tell of it.
    """
    mine = files.c.school == caller.school, files.c.teacher == caller.id, files.c.id.in_(ids)
    here = set((await connection.execute(select(files.c.id).where(*mine))).scalars())
    return tuple(each for each in ids if each not in here)


async def find(connection: AsyncConnection, caller: Caller, file: str, now: int) -> Kept:
    """Find a kept file that the caller may read. Raises Missing for any other.

    Those are what one has brought oneself, and all of the classes that one has now; an
    administrator answers for all of a school.
    """
    row = (await connection.execute(_ONE, {"school": caller.school, "id": file})).first()
    if row is None:
        raise Missing("no-file")
    if row.teacher != caller.id and not await _may_read(connection, caller, row.class_id, now):
        raise Missing("no-file")
    kept = FileKept(row.id, row.lesson, row.class_id, row.pupil, row.name, row.manifest)
    return Kept(kept, row.size)


async def list_files(
    connection: AsyncConnection, caller: Caller, class_id: str, after: str, now: int
) -> FilesListed:
    """List a class's files by id, those after `after`. Raises Missing for another's class.

    Of a class that one has no more those that one has brought oneself.
    """
    asked = {"school": caller.school, "class_id": class_id, "after": after}
    page, all_ = _PAGE, await _may_read(connection, caller, class_id, now)
    if not all_:
        page = _PAGE.where(files.c.teacher == caller.id)
    rows = (await connection.execute(page, asked)).all()
    if not (all_ or rows or after):
        raise Missing("no-class")
    some = tuple(_named(row) for row in rows[:FILES_A_PAGE])
    return FilesListed(some, len(rows) > FILES_A_PAGE)


async def _may_read(connection: AsyncConnection, caller: Caller, class_id: str, now: int) -> bool:
    if caller.duty == "administrator":
        return True
    classes, _ = await classes_now(connection, caller.school, caller.id, now)
    return class_id in classes


def _named(row: Any) -> FileNamed:  # noqa: ANN401 - a row of `FILES`
    return FileNamed(row.id, row.lesson, row.pupil, row.name, row.size, row.document)
