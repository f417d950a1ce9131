"""`pupitre-agent seen`, `page`, `join`: what a pupil may ask of the device, by their own user."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from device_bridge.agent.asking import ask
from device_bridge.agent.folder import Folder, default_folder
from device_bridge.agent.guard.seen import as_csv, seen
from device_bridge.agent.seat.words import Words, languages
from device_bridge.agent.seen_table import table
from device_bridge.no_desktop import no_desktop
from device_bridge.protocol.asking import JoinAsked, JoinTold, Seen, SeenAsked, SeenTold
from device_bridge.protocol.errors import NotPaired
from device_bridge.protocol.plain import plain

SERVICE_FOLDER: Final = Path("/run/pupitre-agent")
"""Where the guard that is a service answers its pupil; as in `installer/systemd`."""


def pupils_folder() -> Path:
    """Where a guard answers the one who sits here."""
    service = Folder(SERVICE_FOLDER)
    return service.root if service.pupil_socket.exists() else default_folder()


def add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    one = add("seen", "say who looked at this screen, when, and how closely", _seen)
    one.add_argument("--csv", action="store_true", help="as a table for a spreadsheet")
    one.add_argument("--out", type=Path, metavar="FILE", help="write the table there")
    _asking(one)
    _asking(add("join", "let the school's teachers find this device on the network here", _join))
    add("page", "show who looked at this screen, in a window", _page).set_defaults(
        folder=pupils_folder()
    )


def _asking(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--language", default="", choices=sorted(languages()), help="default: the system's"
    )
    one.set_defaults(folder=pupils_folder())


def _words(asked: argparse.Namespace) -> Words:
    return Words(asked.language or os.environ.get("LANG", ""))


def _seen(asked: argparse.Namespace) -> int:
    words = _words(asked)
    rows = table(_rows(Folder(asked.folder)), words)
    if asked.out:
        asked.out.write_text(as_csv(rows), encoding="utf-8", newline="")
    elif asked.csv:
        print(as_csv(rows), end="")
    elif not rows[1:]:
        print(words("seen-none"))
    else:
        for row in rows[1:]:
            print("  ".join(plain(cell, 80) for cell in row))
    return 0


def _rows(folder: Folder) -> Sequence[Seen]:
    """Ask the guard; where none answers, read what it has left, if that is ours to read."""
    try:
        return asyncio.run(ask(folder, SeenAsked(), SeenTold)).rows
    except OSError:
        if not folder.root.is_dir():
            raise NotPaired("not enrolled") from None
        return seen(folder)


def _join(asked: argparse.Namespace) -> int:
    words = _words(asked)
    folder = Folder(asked.folder)
    try:
        told = asyncio.run(ask(folder, JoinAsked(really=True), JoinTold))
    except (FileNotFoundError, ConnectionRefusedError):
        if not folder.root.is_dir():
            raise NotPaired("not enrolled") from None
        print("The agent does not run here. Start it: pupitre-agent run", file=sys.stderr)
        return 1
    networks = ", ".join(plain(one, 50) for one in told.networks)
    print(words("join-done" if networks else "join-none", networks=networks))
    return 0


def _page(asked: argparse.Namespace) -> int:
    if trouble := no_desktop():
        print(trouble, file=sys.stderr)
        return 2
    from device_bridge.agent.seat.page import main  # noqa: PLC0415 - Qt, only here

    return main(asked.folder)
