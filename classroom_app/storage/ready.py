"""What stands ready for each class: a line of the settings a class, the oldest choice first."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from classroom_app.domain.errors import ReadyFull
from classroom_app.domain.lesson import ClassId
from classroom_app.domain.ready import READY_MAX, ReadyDocument
from classroom_app.storage.settings import keep
from classroom_app.storage.store import Store
from classroom_app.storage.tables import rows, settings

log = logging.getLogger(__name__)
NAME: Final = "ready-of/"
Changes = Callable[[Sequence[ReadyDocument]], list[ReadyDocument]]
# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_documents: Final = msgspec.json.Decoder(tuple[ReadyDocument, ...])


class KeepsReady(Store):
    def ready(self, class_id: ClassId) -> tuple[ReadyDocument, ...]:
        return _read(self.chosen.get(NAME + class_id, ""))

    async def add_ready(self, class_id: ClassId, one: ReadyDocument) -> None:
        """Let a document stand ready. Chosen again, it is the newest, and called as it is now.

        Raises `ReadyFull`.
        """

        def added(before: Sequence[ReadyDocument]) -> list[ReadyDocument]:
            others = [each for each in before if each.document != one.document]
            if len(others) >= READY_MAX:
                raise ReadyFull(one.name)
            return [*others, one]

        self.chosen |= await self.write(partial(_change, class_id, added))

    async def drop_ready(self, class_id: ClassId, document: str) -> None:
        def dropped(before: Sequence[ReadyDocument]) -> list[ReadyDocument]:
            return [each for each in before if each.document != document]

        self.chosen |= await self.write(partial(_change, class_id, dropped))

    async def ready_documents(self) -> frozenset[bytes]:
        """Return what stands ready for any class of the roster: the library keeps it, how old ever.

        What stood ready for a class that is over goes with its age, as all else there.
        """
        return await self.write(_documents_of_all)


def _read(raw: str) -> tuple[ReadyDocument, ...]:
    try:
        return _documents.decode(raw) if raw else ()
    except (ValueError, RecursionError) as error:
        log.warning("ready documents not readable", extra={"why": type(error).__name__})
        return ()


def _change(class_id: ClassId, changed: Changes, connection: Connection) -> dict[str, str]:
    """Change a class's list in one transaction; return the setting as it is now."""
    name = NAME + class_id
    query = select(settings.c.value).where(settings.c.name == name)
    before = _read(connection.execute(query).scalar_one_or_none() or "")
    kept = {name: msgspec.json.encode(changed(before)).decode()}
    keep(kept, connection)
    return kept


def _documents_of_all(connection: Connection) -> frozenset[bytes]:
    classes = select(rows.c.id).where(rows.c.entity == "class")
    names = [NAME + one for one in connection.execute(classes).scalars()]
    lists = select(settings.c.value).where(settings.c.name.in_(names))
    return frozenset(
        bytes.fromhex(each.document)
        for raw in connection.execute(lists).scalars()
        for each in _read(raw)
    )
