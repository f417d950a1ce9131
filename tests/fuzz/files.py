"""Files that a person brings, or that a disk, an image or a pupil may have spoilt."""

import logging
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from central_mdm.identity import sealed as mdm_sealed
from central_mdm.platform.errors import Malformed as BadRequest
from central_mdm.tidying import read_retention
from classroom_app.domain.errors import NotKept
from classroom_app.domain.founding import NAME_MAX, PUPILS_MAX, displays, read_pupils, text_of_list
from classroom_app.retaining import RETENTION
from classroom_app.retaining import Retention as TeachersRetention
from classroom_app.storage.keys import WAITS, Ring, find_key
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard import kept
from device_bridge.agent.guard.carrying import CarriedKept, read_carried
from device_bridge.agent.guard.central import FleetKept
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.enrolled import SchoolKept, read_enrolment
from device_bridge.agent.guard.journal import DeviceJournal, Noted, read_entries, verify
from device_bridge.agent.guard.mdm import read_fleet
from device_bridge.agent.guard.retention import Retention as DevicesRetention
from device_bridge.agent.guard.witness import HeadsKept, Shown, read_heads
from device_bridge.agent.placed import Placed, read_placed
from device_bridge.protocol.errors import Broken, NotPaired
from device_bridge.retention import FILE, read_periods
from device_bridge.trust import authority, sealed
from device_bridge.trust.heads import read_head
from device_bridge.trust.identity import key_to_pem
from device_bridge.trust.sealed import open_content, seal_content
from tests.fuzz.edge import DEVICE, SCHOOL, Edge, holdable, swapped
from tests.heads import head, mark
from tests.school import NOW

PASSPHRASE: Final = "correct horse battery"  # noqa: S105 - of nobody
STORE_KEY: Final = b"5c" * 32
CLOCK: Final = Clock(lambda: 5000.0, lambda: float(NOW), "boot-1")
BOTH: Final = (Broken, NotPaired)
_devices_retention: Final = msgspec.json.Decoder(DevicesRetention)


@contextmanager
def quick() -> Generator[None]:
    """Let a passphrase cost nothing; what it costs does not stand in the file."""
    with ExitStack() as both:
        for module in (sealed, mdm_sealed):
            both.enter_context(swapped(module, "COST", 2))
        yield


@contextmanager
def laid(*files: tuple[str, bytes]) -> Generator[Path]:
    """Enter a folder that holds `files`; what is said of them in a log is no fault."""
    logging.disable(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory(prefix="pupitre-laid-") as name:
            for file, raw in files:
                Path(name, file).write_bytes(raw)
            yield Path(name)
    finally:
        logging.disable(logging.NOTSET)


def _opened(read: Callable[[bytes, str], object], raw: bytes) -> None:
    with quick():
        read(raw, PASSPHRASE)


def _inside(kind: sealed.Kind, read: Callable[[bytes, str], object], raw: bytes) -> None:
    """Seal whatever `raw` says by the right passphrase, and open it."""
    with quick():
        read(seal_content(kind, SCHOOL.id, raw, PASSPHRASE), PASSPHRASE)


def _no_ring() -> Ring:
    raise OSError("no keyring here")


def _store_key(raw: bytes) -> None:
    with quick(), laid(("store.key", raw)) as home:
        find_key(home, _no_ring, WAITS, PASSPHRASE)


def _class_list(raw: bytes) -> None:
    pupils = read_pupils(text_of_list(raw))
    assert len(pupils) <= PUPILS_MAX
    assert all(given and len(given + family) <= 2 * NAME_MAX for given, family in pupils)
    shown = displays(pupils)
    assert len(shown) == len(pupils)


def _school_json(raw: bytes) -> None:
    mine = ("key.pem", key_to_pem(DEVICE.key)), ("certificate.pem", DEVICE.certificate_pem)
    with laid(("school.json", raw), *mine) as path:
        read_enrolment(Folder(path))


def _fleet(raw: bytes) -> None:
    with laid(("fleet.json", raw)) as path:
        read_fleet(Folder(path))


def _state(raw: bytes) -> None:
    """Take up what was kept; what was taken up can be kept again."""
    with laid(("state.json", raw)) as path:
        told = kept.read(Folder(path), CLOCK)
        again = msgspec.json.encode(told)
        assert msgspec.json.decode(again, type=kept.Kept) == told


def _heads(raw: bytes) -> None:
    with laid(("heads.json", raw)) as path:
        read_heads(Folder(path))


def _carried(raw: bytes) -> None:
    """Read what is kept; a spoilt one is as none: the device then tells all anew."""
    with laid(("carried.json", raw)) as path:
        holdable(read_carried(Folder(path)))


def _journal(raw: bytes) -> None:
    """Walk a journal that anybody may have written to; where a fault is, it is named."""
    with laid(("journal.jsonl", raw)) as path:
        verdict = verify(Folder(path))
        assert verdict.fault is not None or verdict.entries <= raw.count(b"\n")
        list(read_entries(Folder(path)))


def _personal(raw: bytes) -> None:
    """Read names and words of a journal whose other file is whole."""
    with laid(("journal.jsonl", _JOURNAL[0]), ("personal.jsonl", raw)) as path:
        verify(Folder(path))
        list(read_entries(Folder(path)))


def _periods(raw: bytes) -> None:
    with laid((FILE, raw)) as path:
        device = read_periods(path / FILE, _devices_retention, DevicesRetention())
        teacher = read_periods(path / FILE, RETENTION, TeachersRetention())
        for each in (*msgspec.structs.astuple(device), *msgspec.structs.astuple(teacher)):
            assert 1 <= each <= 3650, "kept no time at all, or for ever"


def _mdm_periods(raw: bytes) -> None:
    with laid((FILE, raw)) as path:
        read_retention(path)


def _placed(raw: bytes) -> None:
    with laid(("enrol.json", raw)) as path:
        read_placed(path / "enrol.json")


def _noted() -> tuple[bytes, bytes]:
    with laid() as path:
        folder = Folder(path)
        folder.make()
        journal = DeviceJournal(folder, lambda size: b"s" * size)
        journal.append([Noted("locked", NOW + n, {"version": n}, "Ms Vidal") for n in (1, 2, 3)])
        return folder.journal.read_bytes(), folder.personal.read_bytes()


def _told_heads() -> bytes:
    one = head(DEVICE, "dev-1", mark(3), lesson="lesson-1")
    shown = Shown(one, read_head(one, SCHOOL.school, "device"))
    return msgspec.json.encode(HeadsKept((shown,), ()))


_JOURNAL: Final = _noted()
_SCHOOL: Final = SchoolKept(SCHOOL.id, "School", "dev-1", SCHOOL.school.root_pem.decode())
_MADE, _STANDBY = authority.found(SCHOOL.id, "School", NOW)
_KEPT: Final = msgspec.json.encode(_MADE.kept())
_PEM: Final = key_to_pem(_STANDBY)
with quick():
    _AUTHORITY_FILE: Final = authority.seal(_MADE, PASSPHRASE)
    _STANDBY_FILE: Final = authority.seal_standby(_MADE, _STANDBY, PASSPHRASE)
    _STORE_FILE: Final = seal_content("store", "", STORE_KEY, PASSPHRASE)

FILES: Final[dict[str, Edge]] = {
    "sealed-authority": Edge(partial(_opened, authority.unseal), BOTH, (_AUTHORITY_FILE,)),
    "sealed-authority-inside": Edge(
        partial(_inside, "authority", authority.unseal), BOTH, (_KEPT,)
    ),
    "sealed-standby": Edge(partial(_opened, authority.unseal_standby), BOTH, (_STANDBY_FILE,)),
    "sealed-standby-inside": Edge(
        partial(_inside, "standby", authority.unseal_standby), BOTH, (_PEM,)
    ),
    "sealed-store": Edge(
        partial(_opened, lambda raw, words: open_content(raw, "store", words)),
        (Broken,),
        (_STORE_FILE,),
    ),
    "mdm-sealed-authority": Edge(
        partial(_opened, mdm_sealed.open_authority), (BadRequest,), (_AUTHORITY_FILE,)
    ),
    "mdm-sealed-authority-inside": Edge(
        partial(_inside, "authority", mdm_sealed.open_authority), (BadRequest,), (_KEPT,)
    ),
    "mdm-sealed-standby": Edge(
        partial(_opened, mdm_sealed.open_standby), (BadRequest,), (_STANDBY_FILE,)
    ),
    "mdm-sealed-standby-inside": Edge(
        partial(_inside, "standby", mdm_sealed.open_standby), (BadRequest,), (_PEM,)
    ),
    "store-key": Edge(_store_key, (NotKept, Broken), (STORE_KEY, _STORE_FILE)),
    "class-list": Edge(
        _class_list,
        (),
        (b"Zo\xc3\xa9 Martin\nLina\n", b'Vorname;Nachname\n"Ada";"Lovelace"\n', b"Zo\xe9\tMartin"),
    ),
    "school.json": Edge(_school_json, BOTH, (msgspec.json.encode(_SCHOOL),)),
    "fleet.json": Edge(
        _fleet, (Broken,), (msgspec.json.encode(FleetKept("http://mdm", "d.x.school-1")),)
    ),
    "state.json": Edge(
        _state,
        (Broken,),
        (msgspec.json.encode(kept.Kept("boot-1", 4000.0, mandates={"mandate-1": 60.0})),),
    ),
    "heads.json": Edge(_heads, (Broken,), (_told_heads(),)),
    "carried.json": Edge(
        _carried, (), (msgspec.json.encode(CarriedKept(3, b"sealed", "ab", "cd" * 32)),)
    ),
    "device-journal": Edge(_journal, (), (_JOURNAL[0],)),
    "device-journal-words": Edge(_personal, (), (_JOURNAL[1],)),
    "retention.json": Edge(_periods, (), (b'{"words": 30, "journal": 30}',)),
    "mdm-retention.json": Edge(_mdm_periods, (BadRequest,), (b'{"journal": 30}',)),
    "placed": Edge(
        _placed, (Broken,), (msgspec.json.encode(Placed("https://mdm.example:8000", "K7M2QX")),)
    ),
}
