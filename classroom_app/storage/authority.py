"""Where the key of a school without a server lies: sealed, in the teacher's folder.

`authority.sealed` is the file that a backup is, too. What opens it lies in the keyring, where there
is one (`authority.ring` names the entry); else it is the teacher's passphrase, and nowhere.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from classroom_app.domain.errors import AuthorityLocked, KeyringAway
from classroom_app.storage.keys import SERVICE, Ring, Waits, put, within
from device_bridge.trust.authority import Authority, seal, unseal
from device_bridge.trust.identity import write_private

SEALED, RING = "authority.sealed", "authority.ring"
OPENS_BYTES = 32


def keep_authority(
    home: Path, authority: Authority, passphrase: str, ring: Callable[[], Ring], waits: Waits
) -> None:
    """Keep the key; `passphrase` seals it where no keyring takes what opens it. It blocks.

    Raises WrongPassphrase for one that is too short, and OSError.
    """
    name, opens = str(uuid4()), secrets.token_hex(OPENS_BYTES)
    try:
        within(waits.making, lambda: put(ring(), name, opens))
    except Exception:  # noqa: BLE001 - a keyring raises whatever its bus raises
        write_private(home / SEALED, seal(authority, passphrase))
        (home / RING).unlink(missing_ok=True)
        return
    write_private(home / SEALED, seal(authority, opens))
    write_private(home / RING, name.encode())


def open_authority(
    home: Path, ring: Callable[[], Ring], waits: Waits, passphrase: str = ""
) -> Authority:
    """Take up the key. It blocks.

    Raises AuthorityLocked where a passphrase is wanted, KeyringAway, WrongPassphrase, or
    FileNotFoundError where this computer has no such key.
    """
    sealed = (home / SEALED).read_bytes()
    if passphrase:
        return unseal(sealed, passphrase)
    if not (home / RING).exists():
        raise AuthorityLocked
    name = (home / RING).read_text(errors="replace").strip()
    try:
        opens = within(waits.asking, lambda: ring().get_password(SERVICE, name))
    except Exception as error:
        raise KeyringAway(type(error).__name__) from error
    if opens is None:
        raise AuthorityLocked
    return unseal(sealed, opens)
