from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

Value: TypeAlias = int | float | str | bytes | None

SQLITE_BUSY: int
SQLITE_READONLY: int
SQLITE_IOERR: int
SQLITE_CORRUPT: int
SQLITE_FULL: int
SQLITE_CANTOPEN: int
SQLITE_NOTADB: int

class Error(Exception):
    sqlite_errorcode: int

class DatabaseError(Error): ...
class OperationalError(DatabaseError): ...
class IntegrityError(DatabaseError): ...

class Cursor:
    rowcount: int
    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...
    def fetchone(self) -> tuple[Any, ...] | None: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...

class Connection:
    in_transaction: bool
    def execute(self, sql: str, parameters: Sequence[Value] = ...) -> Cursor: ...
    def executemany(self, sql: str, parameters: Sequence[Sequence[Value]]) -> Cursor: ...
    def set_trace_callback(self, callback: Callable[[str], object] | None) -> None: ...
    def close(self) -> None: ...

def connect(
    database: str,
    timeout: float = ...,
    *,
    isolation_level: str | None = ...,
    check_same_thread: bool = ...,
) -> Connection: ...
