"""Collected work on its way to the central side: what is there already is not sent again.

Small works go first, some beside each other. A large one has the line to itself until that is known
to be fast, and waits where what goes over it is paid for, or where the teacher has stopped it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Final, Literal, Protocol

from blake3 import blake3
from msgspec import Struct, msgpack
from msgspec.structs import replace

from central_mdm.contract.partage import FileAnswer, FileOffered, FilesAsked, FilesLacking, Manifest
from classroom_app.cloud.errors import CloudError, NotAServer, ObjectsUnreachable, Refused
from classroom_app.cloud.line import Line
from classroom_app.cloud.ports import SyncStore
from classroom_app.domain.errors import NotKept

FILES_AT_ONCE: Final = 20
LOOK_ANEW_SECONDS: Final = 10.0
"""So often at most it is looked, before a large one, whether something smaller has come."""
SMALL_BYTES: Final = 1024 * 1024
# How many of them are under way beside each other: most of a file's time is waiting for disks.
FILES_BESIDE: Final = 5
# Of how many kept files a chunk is read back.
LOOK_FOR_SHARE: Final = 0.1
OF_THE_FILE: Final = frozenset({"malformed", "empty", "too-large", "lost-here"})
"""What is refused for good: sent again, it would be no other."""
OF_ALL: Final = frozenset({"no-such-path", "no-such-method", "not-allowed", "wrong-role"})
"""Refusals that the next file would hear as well."""
OF_THE_WAY: Final = frozenset({"portal", "certificate", "clock", "https"})
"""Why it is not our server that answers, whatever is asked."""
NO_ROOM: Final = "quota"
NO_FILE: Final = "no-file"


TELL_SECONDS: Final = 0.2
"""So often at most it is told how far the sending is."""
STOPPED_SECONDS: Final = 3600.0
"""How long what a teacher has stopped stays so; what nobody sends for ever would be lost."""
AWAY_SECONDS: Final = 60.0
AWAY_SECONDS_MAX: Final = 86_400.0
"""How long what could not be read back is not asked for: doubling, where it never can be."""
Held = Literal["", "metered", "slow", "stopped"]
"""Why work waits in spite of a server that is there; "slow": a large one goes alone."""
_manifest: Final = msgpack.Decoder(Manifest)


class Sending(Struct, frozen=True):
    """How far the works are that waited when this turn came to them; nothing goes: all 0."""

    files: int = 0
    of_files: int = 0
    sent_bytes: int = 0
    of_bytes: int = 0


class Stopped(Exception):
    """The teacher has it stopped; what of a file has gone is not sent again."""


class Unread(Exception):
    """A work cannot be read here now, for this `problem`; it holds up no other."""

    def __init__(self, problem: NotKept) -> None:
        super().__init__(problem)
        self.problem = problem


class TakesFiles(Protocol):
    """The part of `Cloud` that takes work."""

    async def offer_file(self, offered: FileOffered) -> FileAnswer: ...
    async def lacking(self, asked: FilesAsked) -> FilesLacking: ...
    async def put_chunk(self, name: str, content: bytes, gone: Callable[[int], None] = ...) -> None:
        """Bring a chunk; `gone` hears of bytes as they leave this computer."""
        ...

    async def get_chunk(self, name: str, file: str) -> bytes:
        """Return a chunk of a kept file, its hash verified."""
        ...


class Files:
    """Pushes what waits. `count` is told when some of it waits no more, `told` of how far it is."""

    def __init__(
        self,
        cloud: TakesFiles,
        store: SyncStore,
        line: Line,
        count: Callable[[], Awaitable[None]],
        told: Callable[[Sending, Held], None],
        jitter: Callable[[], float],
    ) -> None:
        self._cloud, self._store, self._line = cloud, store, line
        self._count, self._told, self._jitter = count, told, jitter
        self._sent = set[str]()
        self._suspected = frozenset[str]()
        self._gone: dict[str, int] = {}
        """Bytes that have left, by the files of this turn that wait still."""
        self._sending = Sending()
        self._held: Held = ""
        self._problem: CloudError | NotKept | None = None
        """What first kept a file of this turn, and not those after it."""
        self._objects_away, self._unasked = False, 0
        self._away_seconds = self._look_at = 0.0
        self._told_at = self._stopped_until = 0.0
        self._insisted = self._asks = False

    def stop(self) -> None:
        """End after the chunks that are under way; nothing goes for an hour, or until `insist`."""
        self._stopped_until = _seconds() + STOPPED_SECONDS
        self._insisted = False

    def insist(self) -> None:
        """Let the next push that comes to its end send all, whatever the line is."""
        self._stopped_until, self._insisted = 0.0, True

    def look(self) -> None:
        """Have the next push look whether what could not be read back can be now."""
        self._look_at = 0.0

    def doubt(self) -> None:
        """Ask of each file first, until all have gone: most of what waits is there already."""
        self._asks = True

    async def push(self) -> CloudError | NotKept | None:
        """Push each waiting file; return what ended it, or kept some of them.

        One that fails for itself waits for the next turn and holds up none after it. So does one
        for which the school has no room: it is refused for now, not for good. What lies out of
        reach is told each time, and looked for less and less often.
        """
        self._begin()
        try:
            return await self._push_all()
        except NotKept as error:
            return error
        finally:
            self._gone.clear()
            self._sending = Sending()
            self._told(self._sending, "" if self._held == "slow" else self._held)

    async def _push_all(self) -> CloudError | NotKept | None:
        batch, anew_at = list[FileOffered](), 0.0
        self._suspected = await self._store.suspected_files()
        tried = set(self._suspected) if self._objects_away else set[str]()
        self._unasked = len(tried)
        while True:
            if not batch or (_size(batch[0]) > SMALL_BYTES and _seconds() >= anew_at):
                anew_at = _seconds() + LOOK_ANEW_SECONDS
                batch = await self._waiting(tried)
            some = await self._next(batch)
            if not some:
                break
            batch = batch[len(some) :]
            tried |= {offered.id for offered in some}
            if error := await self._try(some):
                return error
            await self._count()
        self._insisted = self._insisted and self._held == "metered"  # asked for just now
        self._asks = self._asks and bool(self._held or self._problem)
        return self._problem or (ObjectsUnreachable("still") if self._unasked else None)

    def _begin(self) -> None:
        self._sent.clear()
        self._held, self._problem, self._unasked = "", None, 0
        self._objects_away = _seconds() < self._look_at

    async def _waiting(self, tried: set[str]) -> list[FileOffered]:
        """Return waiting files that were not tried in this turn, smallest first."""
        here = self._unasked + len(tried & self._gone.keys())  # they wait still
        waiting = await self._store.waiting_files(here + FILES_AT_ONCE)
        if waiting and not self._sending.of_files:
            files, size = await self._store.waiting_work()
            self._sending = Sending(of_files=files, of_bytes=size)
        return [offered for offered in waiting if offered.id not in tried]

    async def _next(self, batch: list[FileOffered]) -> list[FileOffered]:
        """Return the files that go now, beside each other: some small ones, or one that is large.

        Nothing: all have gone, or what is left waits.
        """
        if not batch:
            return []
        small = [offered for offered in batch if _size(offered) <= SMALL_BYTES]
        self._held = await self._holds(large=not small)
        self._tell()
        if self._held in {"metered", "stopped"}:
            return []
        beside = FILES_BESIDE if small or self._line.fast else 1
        return (small or batch)[:beside]

    async def _try(self, some: list[FileOffered]) -> CloudError | NotKept | None:
        """Push these beside each other, each to its own end; return what ends the turn."""
        async with asyncio.TaskGroup() as tasks:
            trials = [tasks.create_task(self._try_file(offered)) for offered in some]
        for error in filter(None, (trial.result() for trial in trials)):
            if not _of_one_file(error):
                return error
            self._problem = self._problem or error
        return None

    async def _holds(self, *, large: bool) -> Held:
        if self._is_stopped():
            return "stopped"
        if not large or self._insisted:
            return ""
        if await self._line.metered():
            return "metered"
        return "slow" if self._line.slow else ""

    def _is_stopped(self) -> bool:
        return _seconds() < self._stopped_until

    def _tell(self) -> None:
        self._told_at = _seconds()
        self._told(self._sending, self._held)

    def _went(self, offered: FileOffered, size: int) -> None:
        """Count bytes of a file that have left; no file counts for more than it is."""
        gone = self._gone.get(offered.id, 0)
        size = min(size, _size(offered) - gone)
        self._gone[offered.id] = gone + size
        self._sending = replace(self._sending, sent_bytes=self._sending.sent_bytes + size)
        if _seconds() - self._told_at >= TELL_SECONDS:
            self._tell()

    def _done(self, offered: FileOffered) -> None:
        """Count a whole file, also what of it was there already."""
        self._went(offered, _size(offered))
        del self._gone[offered.id]
        self._sending = replace(self._sending, files=self._sending.files + 1)
        self._tell()

    async def _try_file(self, offered: FileOffered) -> CloudError | NotKept | None:
        """Push a file; return what ended it, so that those beside it come to their own end."""
        self._gone[offered.id] = 0
        try:
            await self._push_to_its_end(offered)
        except Stopped:
            self._held = "stopped"
        except Unread as error:
            self._problem = self._problem or error.problem
        except (CloudError, NotKept) as error:
            return error
        return None

    async def _push_to_its_end(self, offered: FileOffered) -> None:
        try:
            await self._push_file(offered)
        except Refused as error:
            if error.code not in OF_THE_FILE:  # no word on this file: the next turn asks again
                raise
            await self._settle(offered, FileAnswer(offered.id, "refused", reason=error.code))

    async def _push_file(self, offered: FileOffered) -> None:
        manifest = _manifest.decode(offered.manifest)
        names = {chunk.hash.hex() for chunk in manifest.chunks}
        if manifest.size <= SMALL_BYTES and not self._asks_first(offered):
            # To ask first costs more than to bring it; what is lost here may be there already.
            await self._send(offered, names - self._sent)
        answer = await self._cloud.offer_file(offered)
        if answer.state == "missing":
            if not names.issuperset(answer.missing):
                raise NotAServer("answers")
            if not await self._send(offered, answer.missing):
                lost = FileAnswer(offered.id, "refused", reason="lost-here")
                await self._settle(offered, lost)
                return
            answer = await self._cloud.offer_file(offered)
        if answer.state == "missing":
            raise NotAServer("forgets-chunks")
        if answer.reason == NO_ROOM:
            raise Refused(NO_ROOM, str(answer.left_bytes))
        if answer.state == "kept":
            await self._look_for(offered, answer.document)
        await self._settle(offered, answer)

    def _asks_first(self, offered: FileOffered) -> bool:
        """Say whether a file's bytes may be there, or go in vain, as did another's in this turn."""
        return self._asks or self._problem is not None or offered.id in self._suspected

    async def _settle(self, offered: FileOffered, answer: FileAnswer) -> None:
        await self._store.file_settled(offered.id, answer)
        self._done(offered)

    async def _send(self, offered: FileOffered, names: Iterable[str]) -> bool:
        """Send these chunks; False where one is lost here."""
        for name in names:
            if self._is_stopped():
                raise Stopped
            content = await self._chunk(offered.manifest, name)
            if content is None:
                return False
            began = _seconds()
            await self._cloud.put_chunk(name, content, partial(self._went, offered))
            self._line.took(len(content), began, _seconds())
            self._sent.add(name)
            self._tell()
        return True

    async def _look_for(self, offered: FileOffered, document: str) -> None:
        """Believe that it is kept by the document's id, and now and then by reading some of it.

        Until then it waits here: who says "kept" and has it not is noticed, and nothing is lost.
        What could not be read waits until all of it was: no later turn believes a word.
        """
        if document != blake3(offered.manifest).hexdigest():
            raise NotAServer("another-document")
        if offered.id in self._suspected:
            await self._see_all(offered)
            return
        # What comes back costs as much as what went.
        if self._line.slow or self._insisted or self._jitter() >= LOOK_FOR_SHARE:
            return
        chunks = _manifest.decode(offered.manifest).chunks
        if chunks:
            drawn = chunks[int(self._jitter() * len(chunks)) % len(chunks)]
            await self._see(offered, drawn.hash.hex())

    async def _see_all(self, offered: FileOffered) -> None:
        """Read all of it back, and send again what is not there. Raises NotAServer for a lie."""
        for chunk in _manifest.decode(offered.manifest).chunks:
            name = chunk.hash.hex()
            with suppress(NotAServer):
                await self._see(offered, name)
                continue
            if not await self._send(offered, [name]):
                raise Refused("lost-here")
            await self._see(offered, name)

    async def _see(self, offered: FileOffered, name: str) -> None:
        """Read a chunk back. Raises NotAServer where it is not there, or is not what was sent.

        Of a class that was taken from this teacher the school shows nothing: its word has to do.
        """
        try:
            if self._objects_away:  # to wait for them once a turn is enough
                raise ObjectsUnreachable("still")
            await self._cloud.get_chunk(name, offered.id)
            self._away_seconds = 0.0
        except CloudError as error:
            if isinstance(error, ObjectsUnreachable):
                self._note_away()
            if isinstance(error, Refused) and error.code == NO_FILE:
                epoch, _ = await self._store.cursor(f"class:{offered.class_id}")
                if not epoch:
                    return
            await self._store.suspect_file(offered.id)
            if isinstance(error, Refused):
                raise NotAServer("forgets-chunks") from error
            raise

    def _note_away(self) -> None:
        if not self._objects_away:
            self._away_seconds = min(max(2 * self._away_seconds, AWAY_SECONDS), AWAY_SECONDS_MAX)
            self._look_at = _seconds() + self._away_seconds
        self._objects_away = True

    async def _chunk(self, manifest: bytes, name: str) -> bytes | None:
        try:
            return await self._store.chunk(manifest, bytes.fromhex(name))
        except NotKept as error:
            raise Unread(error) from error


def _of_one_file(error: CloudError | NotKept) -> bool:
    """Say whether others may go all the same: nothing is wrong with the way or with who asks."""
    match error:
        case Refused(code=code):
            return code not in OF_ALL
        case NotAServer(why=why):
            return why not in OF_THE_WAY
        case _:
            return isinstance(error, ObjectsUnreachable)


def _size(offered: FileOffered) -> int:
    return _manifest.decode(offered.manifest).size


def _seconds() -> float:
    return asyncio.get_running_loop().time()
