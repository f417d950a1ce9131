"""Secrets that a command asks for: unseen at a terminal, a line each from a pipe.

They are no arguments, for those can be read by others on this machine.
"""

import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from getpass import getpass

from central_mdm.contract.sealed import PASSPHRASE_MIN
from central_mdm.identity.people import PASSWORD_MIN
from central_mdm.platform.errors import Refused


def secret(what: str) -> str:
    """Ask for a secret that is there already. Raises Refused where it is broken off."""
    return _unseen(f"{what}: ") if sys.stdin.isatty() else _line()


def new_passphrase(of: str) -> str:
    """Ask for a new passphrase. Raises as `secret`."""
    what = f"New passphrase of {of}, {PASSPHRASE_MIN} characters or more: "
    return _new(what, lambda typed: len(typed) >= PASSPHRASE_MIN)


def new_password(whose: str, *, may_lack: bool = False) -> str:
    """Ask for a new password, "" among them where it `may_lack`. Raises as `secret`."""
    none = ", or none" if may_lack else ""
    what = f"New password of {whose}, {PASSWORD_MIN} characters or more{none}: "
    return _new(what, lambda typed: len(typed) >= PASSWORD_MIN or (may_lack and not typed))


def _new(what: str, fits: Callable[[str], bool]) -> str:
    """Ask until it fits and was typed twice. From a pipe it is measured by who takes it."""
    if not sys.stdin.isatty():
        return _line()
    told = ""
    while True:
        typed = _unseen(told + what)
        if not fits(typed):
            told = "That is too short. "
        elif _unseen("The same again: ") != typed:
            told = "These two are not the same. "
        else:
            return typed


def _unseen(prompt: str) -> str:
    try:
        with _interruptible():
            return getpass(prompt)
    except EOFError:
        raise Refused("broken-off", "It was broken off, and nothing is done.") from None


@contextmanager
def _interruptible() -> Generator[None]:
    """Let Ctrl+C end the command: asyncio's own handler only notes it until a line comes."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _line() -> str:
    return sys.stdin.readline().rstrip("\n")
