"""Asking at a command line for what no argument may hold: others can read those."""

import getpass
import sys


def passphrase() -> str:
    """Ask for the store's passphrase, at the terminal or as a line of standard input."""
    return getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
