"""The store's side of the sync, in memory, keeping its promises."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import blake3
import msgspec

from central_mdm.contract.checksum import checksum_of, mark_of
from central_mdm.contract.heads import Alarm, SignedHead
from central_mdm.contract.journal import OF_THE_MOMENT, Event, Outcome
from central_mdm.contract.partage import ChunkRef, FileAnswer, FileOffered, Manifest
from central_mdm.contract.roster import Change

Rows = dict[tuple[str, str], Change]
DOUBTED = ("?", "")


@dataclass
class Trusting:
    """Keeps the deny lists that the sync brings."""

    lists: list[str] = field(default_factory=list[str])

    def deny_list_number(self) -> int:
        return len(self.lists)

    def deny_list(self) -> str:
        return self.lists[-1] if self.lists else ""

    def epoch(self) -> int:
        return 0

    async def follow(self, successions: tuple[str, ...]) -> None:
        raise AssertionError(successions)

    async def deny(self, deny_list: str) -> None:
        self.lists.append(deny_list)


@dataclass
class MemoryStore:
    """`rows` by scope; `outcomes` and `answers` by id, as they were settled."""

    events: list[Event] = field(default_factory=list[Event])
    files: list[FileOffered] = field(default_factory=list[FileOffered])
    chunks: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    rows: dict[str, Rows] = field(default_factory=dict[str, Rows])
    cursors: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    outcomes: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    answers: dict[str, FileAnswer] = field(default_factory=dict[str, FileAnswer])
    suspected: set[str] = field(default_factory=set[str])
    kept: set[str] = field(default_factory=set[str])
    followed: set[str] = field(default_factory=set[str])
    kept_at: int = 0
    doubted: int = 0
    heads: list[SignedHead] = field(default_factory=list[SignedHead])
    alarms: tuple[Alarm, ...] = ()
    origin: str = "store-1"
    after: int = 0
    all_at: float = 0.0

    def in_step_at(self) -> float:
        return self.all_at

    async def keep_in_step(self, at: float) -> None:
        self.all_at = at

    async def cursor(self, scope: str) -> tuple[str, str]:
        held = self.cursors.get(scope, ("", ""))
        return ("", "") if held == DOUBTED else held

    async def apply(
        self,
        scope: str,
        epoch: str,
        changes: tuple[Change, ...],
        cursor: str,
        count: int,
        checksum: str,
    ) -> bool:
        if self.cursors.get(scope, (epoch, ""))[0] != epoch:
            self.rows.pop(scope, None)
        rows = self.rows.setdefault(scope, {})
        for change in changes:
            rows.pop((change.entity, change.id), None)
            if change.row is not None:
                rows[change.entity, change.id] = change
        self.cursors[scope] = (epoch, cursor)
        if checksum and (len(rows), sum_of(rows.values())) != (count, checksum):
            self.cursors[scope] = DOUBTED
            self.doubted += 1
            return False
        return True

    async def keep_scopes(self, scopes: tuple[str, ...]) -> None:
        for gone in set(self.cursors) - set(scopes):
            del self.rows[gone], self.cursors[gone]

    async def waiting_events(self, limit: int) -> tuple[Event, ...]:
        return tuple(each for each in self.events if each.id not in self.outcomes)[:limit]

    async def waiting_count(self) -> int:
        events = sum(each.id not in self.outcomes for each in self.events)
        return events + sum(each.id not in self.answers for each in self.files)

    async def refused_count(self) -> int:
        settled = [*self.outcomes.values(), *self.answers.values()]
        return sum(each.state == "refused" for each in settled)

    async def go_on_anew(self, after: int) -> None:
        self.origin, self.after = f"{self.origin}-anew", after
        self.events = [msgspec.structs.replace(one, origin=self.origin) for one in self.events]

    async def settled(self, outcomes: tuple[Outcome, ...]) -> None:
        self.outcomes |= {outcome.id: outcome for outcome in outcomes}
        taken = {outcome.id for outcome in outcomes if outcome.state == "applied"}
        if max((one.sequence for one in self.events if one.id in taken), default=0) > self.kept_at:
            self.followed |= self.kept
            self.kept.clear()

    async def waiting_files(self, limit: int) -> tuple[FileOffered, ...]:
        waiting = [each for each in self.files if each.id not in self.answers]
        return tuple(sorted(waiting, key=_size)[:limit])

    async def waiting_work(self) -> tuple[int, int]:
        sizes = [_size(each) for each in self.files if each.id not in self.answers]
        return len(sizes), sum(sizes)

    async def chunk(self, manifest: bytes, digest: bytes) -> bytes | None:
        del manifest
        return self.chunks.get(digest)

    async def suspected_files(self) -> frozenset[str]:
        return frozenset(self.suspected)

    async def suspect_file(self, file: str) -> None:
        self.suspected.add(file)

    async def file_settled(self, file: str, answer: FileAnswer) -> None:
        self.answers[file] = answer
        self.kept.add(file)
        self.kept_at = max((one.sequence for one in self.events), default=0)
        self.suspected.discard(file)

    async def waiting_heads(self, limit: int) -> tuple[SignedHead, ...]:
        return tuple(self.heads[:limit])

    async def heads_told(self, heads: tuple[SignedHead, ...]) -> None:
        self.heads = [one for one in self.heads if one not in heads]

    async def doubt_work(self) -> int:
        answered = len(self.answers)
        self.answers.clear()
        return answered

    async def lacking_files(self, files: Collection[str]) -> int:
        for each in files:
            del self.answers[each]
        return len(files)

    async def unsure_files(self, *, all_of_them: bool) -> tuple[str, ...]:
        unsure = (one for one, answer in self.answers.items() if answer.state == "kept")
        return tuple(
            one for one in unsure if one in self.followed or (all_of_them and one in self.kept)
        )

    async def sure_files(self, files: Collection[str]) -> None:
        self.followed.difference_update(files)

    async def lost(self, held: int) -> int:
        return len(self._lost(held))

    async def unsettle(self, held: int) -> int:
        lost = self._lost(held)
        for name in lost:
            del self.outcomes[name]
        return len(lost)

    def _lost(self, held: int) -> list[str]:
        again = {"", *OF_THE_MOMENT}
        return [
            each.id
            for each in self.events
            if each.sequence > held
            and each.id in self.outcomes
            and self.outcomes[each.id].reason in again
        ]

    async def alarmed(self, alarms: tuple[Alarm, ...]) -> bool:
        new = set(alarms) - set(self.alarms)
        self.alarms = alarms
        return bool(new)

    def write(self, number: int, **changed: object) -> None:
        """Write one event of lesson-1 into the journal."""
        made = Event(
            id=f"event-{number}",
            origin=self.origin,
            sequence=number,
            lesson="lesson-1",
            kind="lock-asked",
            happened_at=1_795_500_000,
            hash="ab" * 32,
            body=msgspec.Raw(b'{"devices":["dev-1"]}'),
        )
        self.events.append(msgspec.structs.replace(made, **changed))

    def collect(self, name: str, pupil: str, pieces: Iterable[bytes]) -> None:
        """Take a pupil's work of these chunks into the library."""
        refs: list[ChunkRef] = []
        for piece in pieces:
            digest = blake3.blake3(piece).digest()
            self.chunks[digest] = piece
            refs.append(ChunkRef(len(piece), digest))
        manifest = Manifest(1, "fixed-4m", sum(ref.size for ref in refs), tuple(refs))
        encoded = msgspec.msgpack.encode(manifest)
        self.files.append(FileOffered(name, "lesson-1", "5B", pupil, f"{name}.pdf", encoded))


def _size(offered: FileOffered) -> int:
    return msgspec.msgpack.decode(offered.manifest, type=Manifest).size


def sum_of(rows: Iterable[Change]) -> str:
    marks = (mark_of(row.entity, row.id, row.sequence) for row in rows)
    return checksum_of(blake3.blake3(mark).digest() for mark in marks)
