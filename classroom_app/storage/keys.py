"""Where the store's key lies: in the computer's keyring, else in a file beside the store.

`store.key` says which. It holds the key itself (64 hex digits), that key sealed by the teacher's
passphrase (`contract.sealed`), or `keyring:` and the name under which this person's keyring has it.
It is on the disk before the store is made, so a store without it has lost it: no new key is ever
made for a store of which anything is left.
"""

import logging
import os
import re
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import Final, Literal, Protocol, TypeVar, cast
from uuid import uuid4

import keyring
from keyring.errors import NoKeyringError
from msgspec import Struct

from classroom_app.domain.errors import KeyringAway, StoreLocked, StoreSealed
from classroom_app.storage.copies import left_of
from device_bridge.materials.part import sync_folder
from device_bridge.protocol.errors import Broken
from device_bridge.trust.identity import write_private
from device_bridge.trust.sealed import WrongPassphrase, open_content, seal_content

log = logging.getLogger(__name__)
T = TypeVar("T")
SERVICE: Final = "pupitre"
POINTER: Final = "keyring:"
SEALED: Final = "{"
"""A sealed file is JSON."""
KEY_BYTES: Final = 32
KEY_FORM: Final = re.compile(r"[0-9a-f]{64}")
# The first start must not wait long for a keyring that may never answer: a file will do.
MAKING_SECONDS: Final = 5.0
# Later there is no other way in, and a person may have to type the keyring's password.
ASKING_SECONDS: Final = 30.0
# Backends below 1 are, by keyring's own convention, not recommended: none, null, plain text.
PRIORITY_MIN: Final = 1


class Ring(Protocol):
    """What is used of a `keyring.backend.KeyringBackend`."""

    @property
    def priority(self) -> float: ...
    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...


Held = Literal["keyring", "passphrase", "beside"]
"""By what the key is kept; "beside": by nothing, whoever reads the disk has it."""


class Key(Struct, frozen=True):
    """`digits`: 64 hex digits."""

    digits: str
    held: Held

    def __repr__(self) -> str:
        return f"Key({self.held})"


class Waits(Struct, frozen=True):
    """Seconds to wait for a keyring."""

    making: float = MAKING_SECONDS
    asking: float = ASKING_SECONDS


WAITS: Final = Waits()


def system_ring() -> Ring:
    """Return this computer's keyring; what it has instead of one, where it has none."""
    return cast("Ring", keyring.get_keyring())


def find_key(home: Path, ring: Callable[[], Ring], waits: Waits, passphrase: str = "") -> Key:
    """Find the key of the store in `home`, or make one where there is no store yet. It blocks.

    Raises `StoreSealed` where a store is there and its key is not, `StoreLocked` where its
    passphrase is wanted, and `WrongPassphrase`.
    """
    file, store = home / "store.key", home / "store.db"
    if not file.exists():
        if left_of(store):
            raise StoreSealed("missing")
        return _made(file, ring, waits.making)
    written = _written(file)
    if written.startswith(POINTER):
        return Key(_asked(ring, written.removeprefix(POINTER), waits.asking), "keyring")
    with suppress(OSError):  # a folder that takes no change can be read all the same
        # A copy or a restored backup may have come with looser ones.
        file.chmod(0o600)
    if written.startswith(SEALED):
        return Key(_unsealed(written.encode(), passphrase), "passphrase")
    return Key(_sound(written), "beside")


def held_by(home: Path) -> Held:
    """Tell by what the key in `home` is kept, and ask nobody for it."""
    written = _written(home / "store.key")
    if written.startswith(POINTER):
        return "keyring"
    return "passphrase" if written.startswith(SEALED) else "beside"


def choose_passphrase(home: Path, before: str, passphrase: str) -> Held:
    """Seal the key in `home` by `passphrase`; "": lay it beside its store again. It blocks.

    `before` opens it where it is sealed now. Whoever reads the disk's free blocks may find what lay
    open there, so those of the old file are written over first, as far as the disk does that.
    Raises `WrongPassphrase`, also for one too short, and OSError; then all is as it was.
    """
    file = home / "store.key"
    written = _written(file)
    sealed = written.startswith(SEALED)
    digits = _unsealed(written.encode(), before) if sealed else _sound(written)
    words = digits.encode()
    if passphrase:
        words = seal_content("store", "", words, passphrase)
    # Windows renames nothing over an open file.
    with nullcontext() if sealed or sys.platform == "win32" else file.open("r+b") as old:
        # After a power cut the old file may still be the one that is found: not before the new
        # one's name is on the disk is it written over.
        _write(file, words)
        if old:
            old.write(b" " * len(digits))
            old.flush()
            os.fsync(old.fileno())
    return "passphrase" if passphrase else "beside"


def _written(file: Path) -> str:
    """Read what is in a key's file; what a bad disk has made of it is no key."""
    return file.read_text(encoding="ascii", errors="replace").strip()


def _unsealed(raw: bytes, passphrase: str) -> str:
    if not passphrase:
        raise StoreLocked("passphrase")
    try:
        return _sound(open_content(raw, "store", passphrase).decode("ascii", "replace"))
    except WrongPassphrase:
        raise
    except Broken as error:
        raise StoreSealed("wrong") from error


def _made(file: Path, ring: Callable[[], Ring], seconds: float) -> Key:
    name, digits = str(uuid4()), secrets.token_hex(KEY_BYTES)
    try:
        within(seconds, lambda: put(ring(), name, digits))
    except Exception as error:  # noqa: BLE001 - a keyring raises whatever its bus raises
        log.info("no keyring takes the key", extra={"why": type(error).__name__})
        _write(file, digits.encode())
        return Key(digits, "beside")
    _write(file, f"{POINTER}{name}".encode())
    return Key(digits, "keyring")


def _write(file: Path, words: bytes) -> None:
    write_private(file, words)
    sync_folder(file.parent)


def put(ring: Ring, name: str, digits: str) -> None:
    """Give the key to the keyring and believe it only when it gives it back."""
    if ring.priority < PRIORITY_MIN:
        raise NoKeyringError
    ring.set_password(SERVICE, name, digits)
    if ring.get_password(SERVICE, name) != digits:
        raise NoKeyringError


def _asked(ring: Callable[[], Ring], name: str, seconds: float) -> str:
    try:
        found = within(seconds, lambda: ring().get_password(SERVICE, name))
    except Exception as error:
        raise KeyringAway(type(error).__name__) from error
    if found is None:
        raise StoreSealed("missing")
    return _sound(found)


def _sound(digits: str) -> str:
    if not KEY_FORM.fullmatch(digits):
        raise StoreSealed("wrong")
    return digits


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own and wait so long for it; raises `TimeoutError`.

    A keyring may wait for ever for a password that nobody types: its thread is then left alone,
    and does not keep the program from ending.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            answer.set_exception(error)

    Thread(target=run, name="keyring", daemon=True).start()
    return answer.result(seconds)
