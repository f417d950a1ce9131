"""The newest declaration of each feature to each device, to be told again after a restart."""

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from classroom_app.domain.acts import Declared
from classroom_app.domain.lesson import DeviceId, LessonId
from classroom_app.storage.tables import declarations


def declare(connection: Connection, lesson: LessonId, told: Sequence[Declared]) -> None:
    """Keep what is newer. An older version never replaces a newer one."""
    made = insert(declarations)
    newest = made.on_conflict_do_update(
        index_elements=["device", "feature"],
        set_={name: made.excluded[name] for name in ("lesson", "version", "body")},
        where=declarations.c.version < made.excluded.version,
    )
    connection.execute(newest, [{"lesson": lesson, **_columns(each)} for each in told])


def _columns(told: Declared) -> dict[str, object]:
    return {name: getattr(told, name) for name in told.__struct_fields__}


def last_declared(device: DeviceId, feature: str, connection: Connection) -> Declared | None:
    query = select(declarations).where(
        declarations.c.device == device, declarations.c.feature == feature
    )
    row = connection.execute(query).first()
    return Declared(device, feature, row.version, row.body) if row else None


def declared(connection: Connection, lesson: LessonId) -> tuple[Declared, ...]:
    query = select(declarations).where(declarations.c.lesson == lesson)
    return tuple(
        Declared(DeviceId(row.device), row.feature, row.version, row.body)
        for row in connection.execute(query)
    )
