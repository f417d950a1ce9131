"""Where a history happens: one thread, a clock that moves only when nothing is ready, chance.

The programs under test run as they are. What they ask of the system is answered here while a
`World` is entered: threads run inline (aiosqlite's on the spot, the store's writer as a greenlet),
and each commit, each rename and each fsync is a point at which a `Process` may die. Who dies there
leaves the bytes that lie in its folder at that moment, does nothing more, and is started again over
a copy of them. A power cut, which loses what was never synced, is not played.
"""

import asyncio
import errno
import functools
import itertools
import logging
import os
import random
import secrets
import selectors
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from pathlib import Path
from queue import Empty
from typing import Any, Final, TypeVar

import aiosqlite.core
from anyio._backends import _asyncio as anyio_here
from argon2 import PasswordHasher
from blake3 import blake3
from greenlet import getcurrent, greenlet
from sqlcipher3 import dbapi2

from central_mdm.fleet import door
from central_mdm.identity import rules
from central_mdm.platform import api, numbers
from classroom_app.storage import writer
from tests.histories.starting import KEPT

T = TypeVar("T")
BEGINS_AT: Final = 1_795_500_000
"""UTC seconds at which every history begins."""
PAGES_MAX: Final = 1_000_000_000
"""What `max_page_count` is set to where a disk has room again: SQLite cuts it to its own limit."""


class Crashed(BaseException):
    """The process is dead: nothing of it goes on, whatever it would catch."""


HERE: Final[ContextVar["Process | None"]] = ContextVar("process", default=None)


class _Still(selectors.SelectSelector):
    """Nothing ever happens outside; who waits has time pass."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("all wait for ever")
        self.now += max(0.0, timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """Runs what other loops give to threads at once, on the spot, and ready tasks in any order.

    What was asked of it by `call_soon` keeps its place, as asyncio promises; which of the tasks
    that are ready goes on first, no program may rely on.
    """

    def __init__(self, chance: random.Random) -> None:
        self._still, self._chance = _Still(), chance
        super().__init__(self._still)
        self.set_exception_handler(lambda _loop, _about: None)  # the dead leave tasks behind
        self.set_task_factory(_of_its_process)  # pyright: ignore[reportArgumentType] - no generators here

    def time(self) -> float:
        return self._still.now

    def _run_once(self) -> None:
        ready: deque[Any] = getattr(self, "_ready")  # noqa: B009 - the loop's own
        places = [place for place, handle in enumerate(ready) if _is_step(handle)]
        if len(places) > 1:
            steps = [ready[place] for place in places]
            self._chance.shuffle(steps)
            for place, step in zip(places, steps, strict=True):
                ready[place] = step
        super()._run_once()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    def call_soon_threadsafe(
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - the loop's own
        context: Context | None = None,
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(  # pyright: ignore[reportIncompatibleMethodOverride] - typed by typeshed's own overloads
        self,
        executor: object,
        func: Callable[..., T],
        *args: Any,  # noqa: ANN401
    ) -> asyncio.Future[T]:
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - who waits hears it
            future.set_exception(error)
        return future


def _is_step(handle: Any) -> bool:  # noqa: ANN401 - its callback is the loop's own
    """Tell whether it has a task go on: one that begins or yielded, or whose future is done."""
    callback = handle._callback
    of_task = isinstance(getattr(callback, "__self__", None), asyncio.Task)
    return of_task and getattr(callback, "__name__", "task_wakeup") == "task_wakeup"


def _of_its_process(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T],
    context: Context | None = None,
) -> asyncio.Task[T]:
    task = asyncio.Task(work, loop=loop, context=context)
    if process := context.get(HERE) if context else HERE.get():
        process.tasks[task] = None
        task.add_done_callback(lambda done: process.tasks.pop(done, None))
        task.add_done_callback(_heard)
    return task


def _heard(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


class World:
    """One history's clock and chance; `complaints` are errors that a living program logged."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same history for the same seed
        self.folder = folder
        self.loop = Loop(random.Random(f"order {seed}"))  # noqa: S311 - as above
        self.processes: list[Process] = []
        self.complaints: list[str] = []
        self.points = 0
        self.crashes = 0
        self._trace = blake3()
        self._ids = itertools.count(1)
        self._never_left: list[object] = []
        self.undo = ExitStack()
        """What is to be undone when the history is over."""

    @property
    def now(self) -> float:
        """Right UTC seconds; a process may have another clock."""
        return BEGINS_AT + self.loop.time()

    def new_id(self) -> str:
        return f"{next(self._ids):06d}-{self.chance.getrandbits(48):012x}"

    def tell(self, *words: object) -> None:
        """Add a line to what the trace is a hash of: nothing that cryptography drew by itself."""
        self._trace.update(" ".join(map(str, (f"{self.loop.time():.6f}", *words))).encode() + b"\n")
        if LOUD:
            print(f"{self.loop.time():12.3f}", *words)

    async def entered_for_good(self, block: AbstractAsyncContextManager[T]) -> T:
        """Enter a block that is never left, and keep it from the garbage collector's hands."""
        self._never_left.append(block)
        return await block.__aenter__()

    def trace(self) -> str:
        return self._trace.hexdigest(16)

    @contextmanager
    def entered(self) -> Generator[None]:
        """Answer what programs ask of the system, until the end of the block."""
        with self.undo as undo:
            for place, name, ours in _SEAMS:
                undo.callback(setattr, place, name, getattr(place, name))
                setattr(place, name, ours)
            told = _Complaints(self)
            logging.getLogger().addHandler(told)
            undo.callback(logging.getLogger().removeHandler, told)
            try:
                yield
            finally:
                self._end()

    def _end(self) -> None:
        for process in self.processes:
            process.alive = False
        for _ in range(20):
            if not (left := asyncio.all_tasks(self.loop)):
                break
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(left, timeout=60.0))
        for process in self.processes:
            process.forget()
        # Of a scope that was never left, as of a server that was killed, anyio keeps the task, and
        # by that all of this world.
        for task in [one for one in _ANYIO if one.get_loop() is self.loop]:
            del _ANYIO[task]
        self.loop.close()


class Process:
    """A program's run over a folder: what it opened, its clock, and when it dies."""

    def __init__(self, world: World, name: str, folder: Path) -> None:
        self.world, self.name, self.folder = world, name, folder
        self.alive = True
        self.ended = asyncio.Event()
        self.ahead_seconds = 0.0
        self.full = False
        self.left: Path | None = None
        """Where what a crash left lies: the folder of the next run."""
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """In the order of their start: a set's differs from run to run."""
        self.drivers: list[sqlite3.Connection | dbapi2.Connection] = []
        self.databases: list[aiosqlite.core.Connection] = []
        self.descriptors: list[int] = []
        self.asides: list[greenlet] = []
        self._fuse = 0
        world.processes.append(self)
        self.context = copy_context()
        self.context.run(HERE.set, self)

    def clock(self) -> float:
        return self.world.now + self.ahead_seconds

    def boot(self) -> float:
        return self.world.loop.time()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` as a task of this process."""
        return self.world.loop.create_task(work, context=self.context.copy())

    def arm(self, points: int) -> None:
        """Let it die at its so many-th commit, rename or fsync from now; 0: not."""
        self._fuse = points

    def passes(self, what: str) -> None:
        """Come to a point where it may die. Raises Crashed where it does, or has."""
        if not self.alive:
            raise Crashed
        self.world.points += 1
        self.world.tell(self.name, what)
        if self._fuse:
            self._fuse -= 1
            if not self._fuse:
                self.kill()
                raise Crashed

    def kill(self) -> None:
        """End it here and now, as by kill -9: what lies in its folder is what is left."""
        if not self.alive:
            return
        self.alive = False
        self.world.crashes += 1
        self.world.tell(self.name, "dies")
        self.left = self.folder.with_name(f"{self.folder.name.partition('~')[0]}~{next(_runs)}")
        shutil.copytree(self.folder, self.left, symlinks=True)
        for task in tuple(self.tasks):
            task.cancel()
        self.ended.set()

    def opened(self, driver: Any) -> None:  # noqa: ANN401 - one of two drivers' connections
        """Note a database that it has open."""
        self.drivers.append(driver)
        if self.full:
            _fill(driver)

    def fill(self) -> None:
        """Let its disk be full: files take no byte, databases no page more."""
        self.full = True
        self.world.tell(self.name, "full")
        for driver in self.drivers:
            _fill(driver)

    def free(self) -> None:
        self.full = False
        for driver in self.drivers:
            with suppress(sqlite3.Error, dbapi2.Error):
                driver.execute(f"PRAGMA max_page_count = {PAGES_MAX}")

    def forget(self) -> None:
        """Give back what the system has lent to it."""
        for driver in self.drivers:
            with suppress(sqlite3.Error, dbapi2.Error, Crashed):
                super(type(driver), driver).close() if isinstance(
                    driver, Driver
                ) else driver.close()
        for descriptor in self.descriptors:
            with suppress(OSError):
                os.close(descriptor)
        for green in self.asides:
            # One that waits for ever is seen by no garbage collector, nor is all that it holds: its
            # process, and by that the whole world.
            green.parent = getcurrent()
            green.throw()
        for database in self.databases:
            database._connection = None  # pyright: ignore[reportPrivateUsage] - or it complains
        self.asides.clear()
        self.databases.clear()
        self.drivers.clear()
        self.descriptors.clear()


def _fill(driver: sqlite3.Connection | dbapi2.Connection) -> None:
    with suppress(sqlite3.Error, dbapi2.Error):
        for (pages,) in driver.execute("PRAGMA page_count").fetchall():
            driver.execute(f"PRAGMA max_page_count = {pages}")


class _Complaints(logging.Handler):
    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        process = HERE.get()
        if process is not None and record.name.startswith(_OURS):
            why = f"{record.exc_info[1]!r}" if record.exc_info else ""
            self._world.complaints.append(f"{process.name}: {record.getMessage()} {why}"[:300])


class Driver(dbapi2.Connection):
    """SQLCipher's connection, whose commits are points."""

    def execute(self, sql: str, *args: Any) -> Any:  # noqa: ANN401 # pyright: ignore[reportIncompatibleMethodOverride] - ours are by position
        process = HERE.get()
        if process is None:
            return super().execute(sql, *args)
        if sql != "COMMIT":
            if not process.alive:
                raise Crashed
            return super().execute(sql, *args)
        process.passes("commit")
        answer = super().execute(sql)
        process.passes("committed")
        return answer

    def rollback(self) -> None:
        """Do nothing, as it would: transactions are begun by hand, and the dead undo none."""


class _AtOnce:
    """The queue of aiosqlite's thread: what is put in is done, and told now or a little later."""

    def put_nowait(self, asked: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = asked
        process = HERE.get()
        try:
            result = function() if process is None else _done(process, function)
        except BaseException as error:  # noqa: BLE001 - who waits hears it
            _tell(process, future, functools.partial(_fail, error=error))
        else:
            _tell(process, future, functools.partial(_succeed, result=result))


def _done(process: Process, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is asked
    if not process.alive:
        raise Crashed
    what = getattr(function, "func", None)
    commits = getattr(what, "__name__", "") == "commit"
    if commits and what.__self__.in_transaction:  # pyright: ignore[reportOptionalMemberAccess, reportFunctionMemberAccess] - a bound method of the driver's
        process.passes("commit")
        result = function()
        process.passes("committed")
        return result
    result = function()
    if isinstance(result, sqlite3.Connection):
        process.opened(result)
    return result


def _tell(
    process: Process | None, future: asyncio.Future[Any] | None, how: Callable[[Any], None]
) -> None:
    if future is None:
        return
    chance = process.world.chance.random() if process else 1.0
    if process is None or chance > SLOW:
        how(future)
    else:
        process.world.loop.call_later(chance, how, future)


def _succeed(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


async def _noted(database: aiosqlite.core.Connection) -> aiosqlite.core.Connection:
    if process := HERE.get():
        process.databases.append(database)
    return await _CONNECT(database)


class _NoThread:
    """aiosqlite's thread, which has nothing to do."""

    daemon = False

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def start(self) -> None:
        pass


class _Aside:
    """The store writer's thread as a greenlet: it runs when it has work, until it waits again."""

    def __init__(self, target: Callable[[], None], **_: object) -> None:
        self._green = greenlet(target)
        self._green.gr_context = copy_context()
        if process := HERE.get():
            process.asides.append(self._green)

    def start(self) -> None:
        _switch(self._green)

    def join(self) -> None:
        while not self._green.dead:
            _switch(self._green)


def _switch(green: greenlet) -> None:
    if not green.dead:
        green.parent = getcurrent()
        with suppress(Crashed):
            green.switch()


class _Inbox:
    """The queue of that greenlet. What comes while it is about to run is one group."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: greenlet | None = None

    def put(self, item: object) -> None:
        process = HERE.get()
        assert process is not None
        if not process.alive:
            raise Crashed
        self._items.append(item)
        if self._waiting is not None:
            green, self._waiting = self._waiting, None
            wait = process.world.chance.random() ** 8
            process.world.loop.call_later(wait, _switch, green)

    def get(self) -> Any:  # noqa: ANN401 - as it was put in
        while not self._items:
            self._waiting = getcurrent()
            assert self._waiting.parent is not None
            self._waiting.parent.switch()
        return self._items.popleft()

    def get_nowait(self) -> Any:  # noqa: ANN401 - as it was put in
        if not self._items:
            raise Empty
        return self._items.popleft()


def _connect(*where: Any, **how: Any) -> dbapi2.Connection:  # noqa: ANN401 - the driver's own
    process = HERE.get()
    if process is None:
        return _OPEN(*where, **how)
    made = _OPEN(*where, factory=Driver, **how)
    process.opened(made)
    return made


_OPEN: Final[Any] = dbapi2.connect
_ANYIO: Final[Any] = getattr(anyio_here, "_task_states")  # noqa: B009 - its own
_fsync, _replace, _handle = os.fsync, os.replace, logging.Logger.handle
_CONNECT: Final = aiosqlite.core.Connection._connect  # pyright: ignore[reportPrivateUsage]


def _said(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Log, but for a program that has died: whoever kept its word would keep all of this world."""
    process = HERE.get()
    if process is None or process.alive:
        _handle(logger, record)


def _synced(descriptor: int) -> None:
    process = HERE.get()
    if process is None:
        _fsync(descriptor)
        return
    process.passes("fsync")
    if process.full:
        raise OSError(errno.ENOSPC, "no room")


def _renamed(source: Any, target: Any, **where: Any) -> None:  # noqa: ANN401 - as os.replace
    process = HERE.get()
    if process is not None:
        process.passes("rename")
    _replace(source, target, **where)
    if process is not None:
        process.passes("renamed")


class _Drawn:
    """Chance that comes back with the seed, where a server draws numbers or how long to wait."""

    @staticmethod
    def randbelow(below: int) -> int:
        process = HERE.get()
        return process.world.chance.randrange(below) if process else secrets.randbelow(below)


SLOW: Final = 0.03
"""So many of a database's answers come late, and as many seconds late at most."""
LOUD = bool(os.environ.get("HISTORIES_LOUD"))
_OURS: Final = ("central_mdm", "classroom_app", "device_bridge", "asyncio")
_runs: Final = itertools.count(1)
_CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("nobody")
_SEAMS: Final[tuple[tuple[Any, str, Any], ...]] = (
    (aiosqlite.core, "SimpleQueue", _AtOnce),
    *((place, "secrets", _Drawn) for place in (api, door, numbers)),
    (aiosqlite.core, "Thread", _NoThread),
    (aiosqlite.core.Connection, "_connect", _noted),
    (writer, "Thread", _Aside),
    (writer, "SimpleQueue", _Inbox),
    (dbapi2, "connect", _connect),
    (logging.Logger, "handle", _said),
    (os, "fsync", _synced),
    (os, "replace", _renamed),
    # What is compared where there is no such person: a third of a second each.
    (rules, "NOBODY", _CHEAP),
    *KEPT,
)
