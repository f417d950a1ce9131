"""Opening the store: SQLCipher under SQLAlchemy, in WAL, durable at each commit."""

import os
import secrets
from pathlib import Path
from typing import Any

import sqlcipher3
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from classroom_app.storage.tables import metadata

KEY_BYTES = 32


def key_beside(path: Path) -> str:
    """Read or make the key in a 0600 file beside the store."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_hex(KEY_BYTES))
            out.flush()
            os.fsync(out.fileno())
    return path.read_text().strip()


def open_engine(path: Path, key: str) -> Engine:
    """Open or make the store at `path`; `key` is 64 hex digits."""

    def connect() -> Any:  # noqa: ANN401 - sqlcipher3 has no types
        opened: Any = sqlcipher3
        connection = opened.connect(str(path), check_same_thread=False)
        connection.execute(f"PRAGMA key = \"x'{bytes.fromhex(key).hex()}'\"")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def by_hand(connection: object, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def begins(connection: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    metadata.create_all(engine)
    return engine
