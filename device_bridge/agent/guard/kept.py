"""What a guard keeps over its own death and the machine's: declared state and unheard words.

Moments are boot-clock seconds of the boot that wrote them. In the same boot they still hold; after
another, what remained at the last writing remains now, for time switched off does not count.
"""

import logging
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from device_bridge.agent.folder import Folder, overwrite_private, read_kept
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.journal import Noted
from device_bridge.agent.guard.looking import Watching
from device_bridge.agent.guard.papers import Papers
from device_bridge.agent.guard.private import Private
from device_bridge.agent.guard.stills import Stills
from device_bridge.agent.guard.talking import Talking
from device_bridge.protocol.attention import Attention
from device_bridge.protocol.declared import Author
from device_bridge.protocol.errors import Broken
from device_bridge.protocol.indicator import Presence
from device_bridge.trust.floor import Doubt
from device_bridge.trust.identity import write_private
from device_bridge.trust.revocation import Forgotten

log = logging.getLogger(__name__)

_SECONDS_MAX: Final = 4 * 3600.0
"""No lease and no mandate is longer, whatever the file says."""


class Kept(Struct, frozen=True):
    """`at`: the boot-clock second of the writing. `mandates`: id -> seconds it had left then.

    `notes`: what the journal was still to be given after its entry `notes_after`. What an app was
    told would else be in no journal here, where a guard is killed before it has written.
    `drove`: the lesson and the teacher who drove at the writing. `forgotten`: whom lists before
    `deny_list` have ended. `doubt`: of the floor, whose hours add up over boots.
    """

    boot_id: str = ""
    at: float = 0.0
    floor_seconds: float = 0.0
    attention: Attention = Attention()
    presence: Presence = Presence()
    watching: Watching = Watching()
    materials: Papers = Papers()
    talking: Talking = Talking()
    mandates: dict[str, float] = {}
    port: int = 0
    deny_list: str = ""
    private: Private = Private()
    stills: Stills = Stills()
    looks_beside: dict[str, Watching] = {}
    notes: tuple[Noted, ...] = ()
    notes_after: int = 0
    drove: tuple[str, str] = ("", "")
    forgotten: Forgotten = Forgotten()
    doubt: Doubt | None = None


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_kept: Final = msgspec.json.Decoder(Kept)


def write(folder: Folder, kept: Kept) -> None:
    """Replace the kept state. Blocks; raises `OSError` when the disk refuses."""
    overwrite_private(folder.state, msgspec.json.encode(kept))


def write_lasting(folder: Folder, kept: Kept) -> None:
    """Replace the copy that outlasts a power cut. Blocks; raises `OSError`.

    It is written apart and seldom: each wait for the disk also waits for what others write to it,
    a document of 100 MB say. Of what was declared since, the next link tells anew.
    """
    write_private(folder.state_lasting, msgspec.json.encode(kept))


def read(folder: Folder, clock: Clock) -> Kept:
    """Read the kept state as it stands now; a file that is none is laid aside."""
    kept = _read(folder.state)
    if kept is None or not kept.boot_id or kept.boot_id != clock.boot_id:
        kept = _after_power_cut(kept, folder)
    return _as_of_now(kept, clock) if kept else Kept()


def _after_power_cut(kept: Kept | None, folder: Folder) -> Kept | None:
    """Return the newer of `state`, which may be whole and older than the power cut, and the other.

    Of two boots before this one `state_lasting` is from the later: it was waited for.
    """
    try:
        lasting = _read(folder.state_lasting)
    except Broken:
        if kept is None:
            raise
        return kept
    if kept is None or lasting is None:
        return kept or lasting
    return kept if kept.boot_id == lasting.boot_id and kept.at >= lasting.at else lasting


def _read(path: Path) -> Kept | None:
    raw = read_kept(path)
    if raw is None or not raw.strip():  # of a first writing there was room for the spaces only
        return None
    try:
        return _kept.decode(raw)
    except (ValueError, RecursionError) as error:
        path.replace(path.with_suffix(".broken"))
        log.warning("the kept state is unreadable", extra={"file": path.name, "why": str(error)})
        return None


def _as_of_now(kept: Kept, clock: Clock) -> Kept:
    now = clock.boot()
    same_boot = bool(kept.boot_id) and kept.boot_id == clock.boot_id

    def moved(moment: float) -> float:
        remaining = moment - (now if same_boot else kept.at)
        return now + min(max(0.0, remaining), _SECONDS_MAX)

    def author(was: Author) -> Author:
        return replace(was, until=moved(was.until))

    def watching(was: Watching) -> Watching:
        return replace(
            was,
            lease_ends_at=moved(was.lease_ends_at),
            author=author(was.author),
            close_ends_at=moved(was.close_ends_at),
        )

    was, doubt = kept.presence, kept.doubt
    return replace(
        kept,
        doubt=doubt if same_boot or doubt is None else doubt.after_boot(kept.at, now),
        floor_seconds=kept.floor_seconds + (max(0.0, now - kept.at) if same_boot else 0.0),
        attention=replace(
            kept.attention,
            lease_ends_at=moved(kept.attention.lease_ends_at),
            author=author(kept.attention.author),
            seat=False,
            in_reach=False,
            asked_at=0.0,
            proved_at=None,
            told=None,
        ),
        presence=replace(
            was,
            lease_ends_at=moved(was.lease_ends_at),
            until_at=moved(was.until_at),
            author=author(was.author),
            seat=False,
            order=was.order if same_boot else 0,
            ordered_at=0.0,
            shown=None,
            proved_at=0.0,
            proved=-1,
            beside=tuple(
                replace(
                    one,
                    lease_ends_at=moved(one.lease_ends_at),
                    until_at=moved(one.until_at),
                    author=author(one.author),
                    told=None,
                )
                for one in was.beside
            ),
            bar=replace(was.bar, still_until=0.0),
            told=None,
        ),
        watching=watching(kept.watching),
        looks_beside={lesson: watching(one) for lesson, one in kept.looks_beside.items()},
        private=replace(
            kept.private, ends_at=moved(kept.private.ends_at) if kept.private.ends_at else 0.0
        ),
        stills=replace(kept.stills, next_at=moved(kept.stills.next_at)),
        mandates={id_: moved(kept.at + left) - now for id_, left in kept.mandates.items()},
    )
