"""Which documents this device should have and how far each is: kept, and decided without I/O."""

from collections.abc import Collection, Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol.declared import Author
from device_bridge.protocol.materials import Document, MaterialReport, MaterialsDeclared

State = Literal["wanted", "fetching", "arrived", "opened", "failed"]


class Paper(Struct, frozen=True):
    """One hand-out here. `name` and `hash` are of the file in the pupil's folder, once arrived.

    `free_bytes` is what might be written when the disk was too full.
    """

    document: Document
    state: State = "wanted"
    have: int = 0
    name: str = ""
    hash: bytes = b""
    reason: str = ""
    free_bytes: int = 0

    @property
    def arrived(self) -> bool:
        return bool(self.name)


class Papers(Struct, frozen=True):
    """All hand-outs of the lesson by the newest declaration."""

    version: int = 0
    lesson: str = ""
    author: Author = Author()
    papers: tuple[Paper, ...] = ()

    def of(self, handout: str) -> Paper | None:
        return next((row for row in self.papers if row.document.handout == handout), None)

    @property
    def received(self) -> int:
        return sum(row.arrived for row in self.papers)

    def lacking(self) -> tuple[Paper, ...]:
        return tuple(row for row in self.papers if not row.arrived)


def report_of(held: Papers, paper: Paper) -> MaterialReport:
    state, have = paper.state, paper.have
    if paper.arrived:
        have = paper.document.size
    return MaterialReport(
        paper.document.handout,
        held.version,
        state,
        have,
        paper.hash,
        paper.reason,
        paper.free_bytes,
    )


def declared(
    held: Papers, told: MaterialsDeclared, author: Author, fetching: Collection[bytes] = ()
) -> tuple[Papers, list[MaterialReport]]:
    """Take a newer declaration; report each document as it is, and each that was withdrawn.

    What has arrived stays arrived, what is in `fetching` goes on, what failed is wanted again.
    """
    known = {row.document.document: row for row in held.papers}
    kept = tuple(_again(known.get(one.document), one, fetching) for one in _once(told.documents))
    after = Papers(told.version, told.lesson, author, kept)
    still = {row.document.handout for row in kept}
    gone = [row for row in held.papers if row.document.handout not in still]
    reports = [report_of(after, row) for row in kept]
    if held.lesson == told.lesson:
        reports += [MaterialReport(row.document.handout, told.version, "withdrawn") for row in gone]
    return after, reports


def changed(held: Papers, paper: Paper) -> Papers:
    """Put `paper` in the place of its earlier self."""
    rows = tuple(
        paper if row.document.handout == paper.document.handout else row for row in held.papers
    )
    return replace(held, papers=rows)


def _again(before: Paper | None, document: Document, fetching: Collection[bytes]) -> Paper:
    if before is None:
        return Paper(document)
    if before.arrived or document.document in fetching:
        return replace(before, document=document)
    return Paper(document, have=before.have)


def _once(documents: Iterable[Document]) -> tuple[Document, ...]:
    """Keep the first of each hand-out's id: a repeated one could report two states."""
    seen: dict[str, Document] = {}
    for document in documents:
        seen.setdefault(document.handout, document)
    return tuple(seen.values())
