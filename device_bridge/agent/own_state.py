"""`pupitre-agent doctor`: what is weak about this device's own set-up. It writes nothing."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.device import agent_version
from device_bridge.agent.guard.enrolled import read_school
from device_bridge.protocol.errors import Broken, NotPaired
from device_bridge.soundness import Finding, closed, lasting, unprivileged
from device_bridge.trust.identity import Identity

UNIT: Final = "pupitre-guard.service"
SYSTEMD: Final = Path("/run/systemd/system")
ASKING_SECONDS: Final = 5.0


def examined(folder: Folder, now: float, service: Callable[[], str]) -> list[Finding]:
    """Look at the folder and the service. `now`: UTC seconds; `service`: its state, "" for none."""
    found = [Finding("ok", f"This is pupitre-agent {agent_version()}.")]
    try:
        owner = folder.root.stat().st_uid
        os.listdir(folder.root)  # noqa: PTH208 - only whether it may be read
    except FileNotFoundError:
        return [*found, Finding("failed", f"There is no folder {folder.root}: enrol this device.")]
    except PermissionError:
        words = f"Only its own user and root may look into {folder.root}: run this as one of them."
        return [*found, Finding("soon", words)]
    pupils = (folder.received, folder.hand_in)
    private = [path for path in folder.root.iterdir() if path not in pupils]
    private += folder.library.rglob("*")
    found += [unprivileged(owner), *closed([folder.root, *private], owner), _identity(folder, now)]
    found += _standby(folder)
    return [*found, _service(service())]


def service_state() -> str:
    """Ask systemd for the guard's unit: "active", "inactive", …; "" where there is no systemd."""
    if not SYSTEMD.exists():
        return ""
    try:
        command = ["systemctl", "is-active", UNIT]
        done = subprocess.run(  # noqa: S603 - a program of the system, fixed words
            command, capture_output=True, text=True, timeout=ASKING_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _identity(folder: Folder, now: float) -> Finding:
    try:
        identity = Identity.load(folder.root)
    except (NotPaired, OSError):
        return Finding("failed", "This device has no identity: enrol it.")
    remedy = "Bring the device where it reaches the school's server, or enrol it anew."
    return lasting("device's certificate", identity.ends_at, now, remedy)


def _standby(folder: Folder) -> list[Finding]:
    try:
        pinned = read_school(folder).standby
    except (NotPaired, Broken):
        return []
    if pinned:
        return [Finding("ok", "It knows who may end the school's key if that is ever stolen.")]
    words = "The school has no standby: were its key stolen, this device would have to enrol again."
    return [Finding("soon", f"{words} On its server: pupitre-mdm standby")]


def _service(state: str) -> Finding:
    if state == "active":
        return Finding("ok", f"The guard is kept by systemd ({UNIT}).")
    if not state:
        words = "No systemd here: the guard lives as long as `pupitre-agent run`, unconfined."
        return Finding("soon", words)
    words = f"{UNIT} is {state}: the guard is not confined. systemctl enable --now {UNIT}"
    return Finding("soon", words)
