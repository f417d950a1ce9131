"""Taking over a school that a teacher's app had started, from its backup: with its root.

Devices keep their ids and keys; each enrols here once. Teachers are added here.
"""

from sqlalchemy import insert

from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow
from central_mdm.contract.sealed import Kept
from central_mdm.identity.certificates import key_of_root
from central_mdm.identity.model import successions
from central_mdm.identity.rules import keep_school, schools_here
from central_mdm.identity.sealed import key_of
from central_mdm.platform.errors import Malformed
from central_mdm.platform.ground import Ground
from central_mdm.roster.feed import Told, publish
from central_mdm.roster.rules import put_class, put_device, put_pupil


async def adopt(ground: Ground, kept: Kept) -> None:
    """Make the school of a backup here. Raises Malformed, or FileExistsError where it is here."""
    await _keep_key(ground, kept)
    first = kept.epoch - len(kept.successions) + 1
    async with ground.database.writing(kept.school) as connection:
        row = {"school": kept.school, "name": kept.name, "epoch": ground.new_id()}
        row |= {"root": kept.root, "standby": kept.standby}
        await keep_school(connection, row)
        for epoch, statement in enumerate(kept.successions, start=first):
            values = {"epoch": epoch, "statement": statement.encode("ascii")}
            await connection.execute(insert(successions).values(school=kept.school, **values))
        news: list[Told] = []
        # A class before who and what is in it.
        for one in (row for row in kept.rows if isinstance(row, ClassRow)):
            news += await put_class(connection, kept.school, one, ground.clock())
        for row_ in kept.rows:
            match row_:
                case PupilRow():
                    news += await put_pupil(connection, kept.school, row_)
                case DeviceRow():
                    news += await put_device(connection, kept.school, row_, ground.clock())
                case ClassRow():
                    pass
        await publish(connection, kept.school, news)


async def _keep_key(ground: Ground, kept: Kept) -> None:
    """Keep the school's key; the same one, of an adoption that then died, is taken."""
    key = key_of(kept.key.encode())
    if key_of_root(kept.root, kept.school) != key.public_key():
        raise Malformed("no-sealed-file", "Its key and its root do not belong together.")
    try:
        ground.keys.keep(kept.school, key)
    except FileExistsError:
        here = kept.school in await schools_here(ground)
        if here or ground.keys.key(kept.school).public_key() != key.public_key():
            raise
