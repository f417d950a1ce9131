"""Where the store's key lies: in the computer's keyring, else in a file beside the store.

`store.key` says which. It holds the key itself (64 hex digits), or `keyring:` and the name under
which this person's keyring has it. It is on the disk before the store is made, so a store without
it has lost it: no new key is ever made for a store that exists.
"""

import logging
import re
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Final, Protocol, TypeVar, cast
from uuid import uuid4

import keyring
from keyring.errors import NoKeyringError
from msgspec import Struct

from classroom_app.domain.errors import KeyringAway, StoreSealed
from device_bridge.materials.part import sync_folder
from device_bridge.trust.identity import write_private

log = logging.getLogger(__name__)
T = TypeVar("T")
SERVICE: Final = "pupitre"
POINTER: Final = "keyring:"
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


class Key(Struct, frozen=True):
    """64 hex digits; `beside`: they lie in a file beside the store, for all who read the disk."""

    digits: str
    beside: bool


class Waits(Struct, frozen=True):
    """Seconds to wait for a keyring."""

    making: float = MAKING_SECONDS
    asking: float = ASKING_SECONDS


WAITS: Final = Waits()


def system_ring() -> Ring:
    """Return this computer's keyring; what it has instead of one, where it has none."""
    return cast("Ring", keyring.get_keyring())


def find_key(home: Path, ring: Callable[[], Ring], waits: Waits) -> Key:
    """Find the key of the store in `home`, or make one where there is no store yet. It blocks.

    Raises `StoreSealed` where a store is there and its key is not.
    """
    file, store = home / "store.key", home / "store.db"
    if not file.exists():
        if store.exists() and store.stat().st_size:
            raise StoreSealed("missing")
        return _made(file, ring, waits.making)
    written = file.read_text().strip()
    if written.startswith(POINTER):
        return Key(_asked(ring, written.removeprefix(POINTER), waits.asking), beside=False)
    # A copy or a restored backup may have come with looser ones.
    file.chmod(0o600)
    return Key(_sound(written), beside=True)


def _made(file: Path, ring: Callable[[], Ring], seconds: float) -> Key:
    name, digits = str(uuid4()), secrets.token_hex(KEY_BYTES)
    try:
        within(seconds, lambda: put(ring(), name, digits))
    except Exception as error:  # noqa: BLE001 - a keyring raises whatever its bus raises
        log.info("no keyring takes the key", extra={"why": type(error).__name__})
        _write(file, digits)
        return Key(digits, beside=True)
    _write(file, f"{POINTER}{name}")
    return Key(digits, beside=False)


def _write(file: Path, words: str) -> None:
    write_private(file, words.encode())
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
