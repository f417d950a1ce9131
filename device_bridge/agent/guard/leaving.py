"""Leaving a school: all that is of it goes, and a receipt stays. Cut anywhere, it is gone on with.

The school's release comes by the device's own check-in or as a file; nothing on the LAN can say it.
"""

import logging
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from central_mdm.contract.leaving import SignedReceipt
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.enrolled import Enrolment, read_enrolment
from device_bridge.protocol.errors import DeviceError
from device_bridge.trust.identity import sync_folder, write_private
from device_bridge.trust.leaving import read_release, sign_receipt

log = logging.getLogger(__name__)
Deliver = Callable[[SignedReceipt], Awaitable[None]]


class Leaving(Exception):
    """The school has let this device go: whoever runs it ends all, then calls `leave`."""


def begin(folder: Folder, release: str, enrolled: Enrolment) -> None:
    """Write down that this device leaves; from here on there is no way back.

    Raises NotAllowed("release", why) where the school has not signed that.
    """
    read_release(release, enrolled.school, enrolled.device, enrolled.identity)
    folder.receipt.unlink(missing_ok=True)  # of a school that was left before
    write_private(folder.leaving, release.encode())


async def leave(folder: Folder, wall: Callable[[], float], deliver: Deliver) -> bool:
    """Do what `begin` has written down, or what is left of it; False: nothing is.

    The receipt is durable before anything is destroyed. Where `deliver` fails, it stays here only.
    Raises OSError where something cannot be removed: call again.
    """
    if (release := read_kept(folder.leaving)) is None:
        return False
    if (raw := read_kept(folder.receipt)) is None:
        raw = _receipt(folder, release.decode(), wall())
        write_private(folder.receipt, raw)
    if folder.fleet.exists():
        try:
            await deliver(msgspec.json.decode(raw, type=SignedReceipt))
        except (DeviceError, OSError) as error:
            log.info("receipt not delivered", extra={"why": type(error).__name__})
    for path in sorted(folder.root.iterdir()):
        if path not in {folder.leaving, folder.receipt}:
            _remove(path)
    sync_folder(folder.root)
    folder.leaving.unlink()
    sync_folder(folder.root)
    return True


def _receipt(folder: Folder, release: str, now: float) -> bytes:
    enrolled = read_enrolment(folder)
    read = read_release(release, enrolled.school, enrolled.device, enrolled.identity)
    return msgspec.json.encode(sign_receipt(read, enrolled.identity, now))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
