"""Which documents this device should have and how far each is: kept, and decided without I/O."""

from collections.abc import Collection, Iterable
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol.declared import Author
from device_bridge.protocol.materials import Document, MaterialReport, MaterialsDeclared

State = Literal["wanted", "fetching", "arrived", "opened", "failed", "withdrawn"]
OURS: Final = -1
"""Whose folders they are that lie with the guard."""
GONE_MAX: Final = 100
EARLIER_MAX: Final = 100
CHANGED: Final = "changed"
Where = tuple[int, str, str]
"""Whose, in which folder, by what name."""


class Paper(Struct, frozen=True):
    """One hand-out here. `name` and `hash` are of the file in the pupil's folder, once arrived.

    `free_bytes` is what might be written when the disk was too full. `found`: it lay with the pupil
    already, so it is theirs. `folder`: where it lies among what was received, if that is not the
    lesson's own. `whose`: the user it lies with; as `PupilsFolders.whose`.
    """

    document: Document
    state: State = "wanted"
    have: int = 0
    name: str = ""
    hash: bytes = b""
    reason: str = ""
    free_bytes: int = 0
    found: bool = False
    folder: str = ""
    whose: int = OURS

    @property
    def arrived(self) -> bool:
        return bool(self.name)


class Giver(Struct, frozen=True):
    """Whose hand-out it is, where teachers share a lesson: by their own lesson, and by their key.

    Who may take it back is decided by the key.
    """

    lesson: str
    key: str


class Earlier(Struct, frozen=True):
    """What another lesson gave and the pupil has; `key`: of the teacher who may take it back."""

    lesson: str
    key: str
    paper: Paper


class Papers(Struct, frozen=True):
    """All hand-outs of the lesson by the newest declaration.

    `gone` are the withdrawn ones: "arrived" as long as our copy is to be taken back, then what
    became of it, which is said again with each declaration. `gave` is by a hand-out's id. `folder`
    is the lesson's own among what was received. `earlier` lessons' hand-outs are known again when
    their lesson goes on.
    """

    version: int = 0
    lesson: str = ""
    author: Author = Author()
    papers: tuple[Paper, ...] = ()
    gone: tuple[Paper, ...] = ()
    folder: str = ""
    earlier: tuple[Earlier, ...] = ()
    gave: dict[str, Giver] = {}

    def giver(self, handout: str) -> Giver:
        return self.gave.get(handout) or Giver(self.lesson, self.author.key)

    def of(self, handout: str) -> Paper | None:
        return next((row for row in self.papers if row.document.handout == handout), None)

    @property
    def received(self) -> int:
        return sum(row.arrived for row in self.papers)

    def wants(self, document: bytes) -> bool:
        return any(row.document.document == document for row in self.papers)

    def leaving(self, besides: Collection[str] = (), whose: int = OURS) -> Paper | None:
        """Return a withdrawn one whose copy is to be taken back, not of the hand-outs `besides`.

        What lies with another user than `whose` waits until that one is here.
        """
        rows = (row for row in self.gone if row.state == "arrived" and row.whose == whose)
        return next((row for row in rows if row.document.handout not in besides), None)

    def is_settled(self, gone: Paper) -> bool:
        """Tell whether no copy of a withdrawn one waits to be taken back, with any user."""
        same = (row for row in self.gone if row.document.handout == gone.document.handout)
        return all(row.state != "arrived" for row in same)

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


def as_declared(held: Papers) -> dict[str, MaterialsDeclared]:
    """Return by their lesson the declarations that `held` came from, but for the withdrawn.

    Which version was whose is not known where they are several: each is told again.
    """
    found: dict[str, list[Document]] = {}
    for row in held.papers:
        found.setdefault(held.giver(row.document.handout).lesson, []).append(row.document)
    version = held.version if len(found) == 1 else 0
    return {one: MaterialsDeclared(version, one, tuple(rows)) for one, rows in found.items()}


def declared(  # noqa: PLR0913 - what it is decided by
    held: Papers,
    told: MaterialsDeclared,
    author: Author,
    fetching: Collection[bytes] = (),
    opening: Collection[str] = (),
    folder: str = "",
    *,
    whose: int | None = OURS,
    lesson: str = "",
) -> tuple[Papers, list[MaterialReport]]:
    """Take a newer declaration; report each document as it is, and each that was withdrawn.

    What has arrived stays arrived, what is in `fetching` goes on, what failed is wanted again.
    A withdrawn hand-out in `opening` is on its pupil's screen already. Another lesson has a
    `folder` of its own; what has arrived there is known, if it was on before. `whose` folders they
    are now; None where nobody is here. `lesson`: the teller's own, where that is not `told`'s.
    """
    if held.lesson != told.lesson:
        held = _turned_to(held, told.lesson, folder, whose)
    known = {row.document.document: row for row in held.papers}
    kept = tuple(_again(known.get(one.document), one, fetching) for one in _once(told.documents))
    still = {row.document.handout for row in kept}
    left = [row for row in held.papers if row.document.handout not in still]
    back = [row for row in held.earlier if _may_take(author, row, told.withdrawn)]
    others = [row for row in left if row.arrived and not _is_own(held, row, author)]
    aside = (_laid_by(held, row, held.giver(row.document.handout).lesson) for row in others)
    earlier = tuple([*(row for row in held.earlier if row not in back), *aside][-EARLIER_MAX:])
    gone = [row for row in held.gone if row.document.handout not in still]
    theirs = {_where(row) for row in kept if row.arrived}
    theirs |= {_where(row.paper) for row in earlier}
    withdrawn = [row for row in left if row.document.handout in told.withdrawn]
    mine = [row for row in withdrawn if _is_own(held, row, author)]
    gone += [_gone(row, opening, theirs) for row in (*mine, *(row.paper for row in back))]
    after = Papers(
        told.version,
        told.lesson,
        author,
        kept,
        tuple(gone[-GONE_MAX:]),
        held.folder,
        earlier,
        {
            row.document.handout: Giver(lesson or told.lesson, author.key)
            if _is_own(held, row, author)
            else held.gave[row.document.handout]
            for row in kept
        },
    )
    reports = [report_of(after, row) for row in kept]
    reports += [report_of(after, row) for row in after.gone if after.is_settled(row)]
    reports += [
        MaterialReport(row.document.handout, told.version, "withdrawn")
        for row in left
        if row not in mine
    ]
    return after, reports


def _turned_to(held: Papers, lesson: str, folder: str, whose: int | None) -> Papers:
    """Lay the lesson's hand-outs by and take up what `lesson` gave before to who is here.

    What is still to be taken back is taken back in any lesson.
    """
    placed = (row for row in held.papers if row.arrived)
    rows = [*held.earlier, *(_laid_by(held, row, held.lesson) for row in placed)]
    back_rows = [row for row in rows if row.lesson == lesson and whose in {None, row.paper.whose}]
    back = [row.paper for row in back_rows]
    leaving = (row for row in held.gone if row.state == "arrived")
    gone = tuple(replace(row, folder=row.folder or held.folder) for row in leaving)
    where = back[-1].folder if back else folder
    papers = tuple(replace(row, folder="") for row in back)
    earlier = tuple(row for row in rows if row not in back_rows)[-EARLIER_MAX:]
    gave = {row.paper.document.handout: Giver(lesson, row.key) for row in back_rows}
    return Papers(0, lesson, Author(), papers, gone, where, earlier, gave)


def _laid_by(held: Papers, row: Paper, lesson: str) -> Earlier:
    key = held.giver(row.document.handout).key
    return Earlier(lesson, key, replace(row, folder=held.folder))


def _is_own(held: Papers, row: Paper, author: Author) -> bool:
    """Whether no other teacher is known to have given it."""
    gave = held.gave.get(row.document.handout)
    return gave is None or gave.key == author.key


def sat(held: Papers, whose: int) -> Papers:
    """Let the folders be those of user `whose`: each has what was handed out to each.

    What lies with another one is laid by, and known again when that one is here.
    """
    strange = [row for row in held.papers if row.arrived and row.whose != whose]
    on = {row.document for row in held.papers}
    here = [row for row in held.earlier if (row.lesson, row.paper.whose) == (held.lesson, whose)]
    mine = [row for row in here if row.paper.document in on]
    if not strange and not mine:
        return held
    back = {row.paper.document: replace(row.paper, folder="") for row in mine}
    papers = tuple(
        row if row.arrived and row not in strange else back.get(row.document, _anew(row))
        for row in held.papers
    )
    aside = (_laid_by(held, row, held.lesson) for row in strange)
    earlier = tuple([*(row for row in held.earlier if row not in mine), *aside][-EARLIER_MAX:])
    return replace(held, papers=papers, earlier=earlier)


def _anew(row: Paper) -> Paper:
    return Paper(row.document) if row.arrived else row


def _may_take(author: Author, row: Earlier, withdrawn: Collection[str]) -> bool:
    return row.key == author.key and row.paper.document.handout in withdrawn


def taken_back(held: Papers, paper: Paper, *, whole: bool) -> Papers:
    """Note what became of a withdrawn copy: removed where it was `whole`, else the pupil's."""
    now = _removed(paper) if whole else replace(paper, state="opened", reason=CHANGED)
    one = (paper.document.handout, paper.whose)
    gone = (now if (row.document.handout, row.whose) == one else row for row in held.gone)
    return replace(held, gone=tuple(gone))


def changed(held: Papers, paper: Paper) -> Papers:
    """Put `paper` in the place of its earlier self."""
    return replace(held, papers=_replaced(held.papers, paper))


def _replaced(rows: tuple[Paper, ...], paper: Paper) -> tuple[Paper, ...]:
    return tuple(paper if row.document.handout == paper.document.handout else row for row in rows)


def _where(row: Paper) -> Where:
    return row.whose, row.folder, row.name


def _gone(row: Paper, opening: Collection[str], theirs: Collection[Where]) -> Paper:
    """Say what is to become of a withdrawn one; a file that another hand-out gave too stays."""
    if not row.arrived:
        return _removed(row)
    if row.found or _where(row) in theirs:
        return replace(row, state="opened", reason=CHANGED)
    if row.state == "opened" or row.document.handout in opening:
        return replace(row, state="opened")
    return replace(row, state="arrived")  # also one that would not open


def _removed(row: Paper) -> Paper:
    return Paper(row.document, "withdrawn", whose=row.whose)


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
