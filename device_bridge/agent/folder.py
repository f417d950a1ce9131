"""The agent's folder: what a device keeps, where, and readable by whom.

Private to the guard's user (0700, files 0600) but for `received` and `hand-in`, which are the
pupil's. A file is whole or as it was: written beside, synced, renamed; but `state`, which is
written over itself, with `state_lasting` behind it.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from device_bridge.agent.local_socket import FOLDERS_SOCKET, PUPIL_SOCKET, SEAT_SOCKET
from device_bridge.materials.names import safe_name
from device_bridge.protocol.errors import Broken
from device_bridge.retention import FILE

_KEPT_BYTES_MAX: Final = 4 * 1024 * 1024
_BLOCK_BYTES: Final = 4096


@dataclass(frozen=True)
class Folder:
    """The layout. Nothing is made or read by asking for a path."""

    root: Path

    @property
    def key(self) -> Path:
        return self.root / "key.pem"

    @property
    def certificate(self) -> Path:
        return self.root / "certificate.pem"

    @property
    def school(self) -> Path:
        return self.root / "school.json"

    @property
    def fleet(self) -> Path:
        """The MDM's address, token and last word."""
        return self.root / "fleet.json"

    @property
    def assignment(self) -> Path:
        return self.root / "assignment.jws"

    @property
    def state(self) -> Path:
        """What is declared to this device; outlasts the guard's death."""
        return self.root / "state.json"

    @property
    def state_lasting(self) -> Path:
        """The same, some two seconds old at most; outlasts a power cut."""
        return self.root / "state.lasting.json"

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def personal(self) -> Path:
        """The journal's personal fields and their salts; erased without breaking the chain."""
        return self.root / "personal.jsonl"

    @property
    def heads(self) -> Path:
        """The journal's own newest signed head, and teachers' journals' that were shown here."""
        return self.root / "heads.json"

    @property
    def leaving(self) -> Path:
        """The school's release, while this device leaves: whoever finds it goes on with that."""
        return self.root / "leaving.jws"

    @property
    def receipt(self) -> Path:
        """What is left of a school that was left: proof of it."""
        return self.root / "receipt.json"

    @property
    def wanted(self) -> Path:
        """What the MDM wants of this device, what was done of it, and what it is still to hear."""
        return self.root / "wanted.json"

    @property
    def carried(self) -> Path:
        """What this device tells the MDM by others' hands, until it came there."""
        return self.root / "carried.json"

    @property
    def wiping(self) -> Path:
        """By which act this device is erased: whoever finds it goes on with that."""
        return self.root / "wiping.json"

    @property
    def retention(self) -> Path:
        """How long things are kept, where that is not the default."""
        return self.root / FILE

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def status_socket(self) -> Path:
        return self.root / "status.sock"

    @property
    def library(self) -> Path:
        return self.root / "library"

    @property
    def seat_socket(self) -> Path:
        return self.root / SEAT_SOCKET

    @property
    def pupil_socket(self) -> Path:
        """Where the pupil's own user asks who looked."""
        return self.root / PUPIL_SOCKET

    @property
    def folders_socket(self) -> Path:
        """Where the seat does the guard's errands, if each is a user of its own."""
        return self.root / FOLDERS_SOCKET

    @property
    def received(self) -> Path:
        return self.root / "received"

    @property
    def hand_in(self) -> Path:
        return self.root / "hand-in"

    def hand_in_of(self, lesson: str, class_name: str) -> Path:
        """Where one lesson's work is laid: the next class's teacher is not given it."""
        return self.hand_in / name_of(lesson, class_name)

    def make(self) -> None:
        """Make what is missing, private from the first moment."""
        for path in (self.root, self.library, self.received, self.hand_in):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)


def name_of(lesson: str, class_name: str) -> str:
    """Name one lesson's folder, for what is handed out and for what is handed in.

    The class's name is for the pupil's eye; thirty letters leave the id whole.
    """
    return safe_name(f"{class_name[:30]} {lesson}")


def default_folder() -> Path:
    return Path(platformdirs.user_data_dir("pupitre-agent", appauthor=False))


def overwrite_private(path: Path, raw: bytes) -> None:
    """Write `raw` over `path`, mode 0600, and spaces after it: whole unless the power is cut.

    Nothing is made or renamed, for a file system hurries a renamed file to the disk. Room is taken
    before the old bytes go, so a full disk keeps them. Raises `OSError`.
    """
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        held = file.seek(0, os.SEEK_END)
        room = max(held, -(-len(raw) // _BLOCK_BYTES) * _BLOCK_BYTES)
        if file.write(b" " * (room - held)) < room - held:
            raise OSError(errno.ENOSPC, "no room", str(path))
        file.seek(0)
        file.write(raw.ljust(room))


def read_kept(path: Path) -> bytes | None:
    """Read one of the folder's small files; None where it is missing.

    Raises `Broken` for one that no guard has written: too large, or not readable.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_KEPT_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Broken(f"{path.name} cannot be read") from error
    if len(raw) > _KEPT_BYTES_MAX:
        raise Broken(f"{path.name} is too large")
    return raw
