"""`pupitre doctor`: what is weak about this teacher's own set-up. It writes nothing."""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from classroom_app.domain.errors import NotKept, StoreInUse, StoreLocked
from classroom_app.papers import Papers, SignedPapers
from classroom_app.storage.engine import open_connection, shut
from classroom_app.storage.keys import WAITS, Held, Ring, find_key, held_by
from classroom_app.storage.settings import read
from device_bridge.protocol.errors import DeviceError
from device_bridge.soundness import Finding, closed, lasting, unprivileged


def examined(home: Path, ring: Callable[[], Ring], now: float) -> list[Finding]:
    """Look at the folder, the key and the papers of the teacher's store. `now`: UTC seconds."""
    found = [Finding("ok", f"This is pupitre {version('pupitre')}."), unprivileged(os.geteuid())]
    store = home / "store.db"
    if not store.exists():
        return [*found, Finding("ok", f"Nobody has signed in here yet ({home}).")]
    private = (home, home / "store.key", *home.glob("store.db*"), home / "library")
    found += closed(private, os.geteuid())
    try:
        found.append(_kept(held_by(home)))
        key = find_key(home, ring, WAITS)
        return [*found, *_papers(_read(store, key.digits), now)]
    except StoreLocked:
        return [*found, Finding("ok", "When its papers end, Pupitre says once it is open.")]
    except FileNotFoundError:
        return [*found, Finding("failed", "The store's key (store.key) is missing.")]
    except StoreInUse:
        words = "Pupitre is open: close it, and the ends of its papers can be looked at."
        return [*found, Finding("soon", words)]
    except NotKept as error:
        words = f"The store cannot be opened ({type(error).__name__}). Start Pupitre: it says more."
        return [*found, Finding("failed", words)]


def _kept(held: Held) -> Finding:
    match held:
        case "keyring":
            return Finding("ok", "The store is encrypted; its key is in this computer's keyring.")
        case "passphrase":
            words = "The store is encrypted; its key is sealed by your passphrase."
            return Finding("ok", words)
        case "beside":
            words = (
                "No keyring: the store's key lies beside the store, and whoever gets this disk can "
                "read your lessons. Choose a passphrase in Pupitre (Your classes: Passphrase), "
                "encrypt the disk, or set up a keyring before the first start."
            )
            return Finding("failed", words)


def _read(store: Path, digits: str) -> SignedPapers | None:
    connection = open_connection(store, digits)
    try:
        raw = read(connection).get("papers", "")
    finally:
        shut(connection)
    return msgspec.json.decode(raw, type=SignedPapers) if raw else None


def _papers(signed: SignedPapers | None, now: float) -> list[Finding]:
    if signed is None:
        return [Finding("ok", "Nobody is signed in.")]
    try:
        papers = Papers(signed, lambda: 0.0)
    except DeviceError as error:
        return [Finding("failed", f"The papers are not this school's ({error}). Sign in anew.")]
    ends_at = papers.identity.ends_at
    found = [lasting("teacher's certificate", ends_at, now, "Sign in once online.")]
    if not signed.standby:
        words = "The school has no standby for a stolen key. On its server: pupitre-mdm standby"
        found.append(Finding("soon", f"{words}; then sign in anew."))
    if papers.grant_ends_at:
        days = 86_400
        # A grant lives a week or two: all of its life would be within the warnings of a year's.
        ended = papers.grant_ends_at <= now + 2 * days
        state = "failed" if papers.grant_ends_at <= now else "soon" if ended else "ok"
        left = max(0, int((papers.grant_ends_at - now) // days))
        words = f"The right to teach lasts {left} more days; it is renewed when online."
        found.append(Finding(state, words))
    if now < papers.floor():
        found.append(Finding("failed", "The clock is behind what the school signed. Set it."))
    return found
