"""A secret is asked for at a terminal: what is wanted stands there, what is typed does not."""

import ast
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ASKS = "from central_mdm.typed import *; print('took', "
"""A process of its own, for a terminal of its own; it imports little and starts at once."""
PATIENCE_SECONDS = 20
GOOD, OTHER = "correct horse 1", "correct horse 2"


class Terminal:
    """A person at a terminal: reads until something stands there, then types a line."""

    def __init__(self, end: int, process: subprocess.Popen[bytes]) -> None:
        self._end = end
        self.process = process
        self.shown = ""

    def sees(self, words: str) -> None:
        seen = ""
        while words not in seen:
            assert select.select([self._end], [], [], PATIENCE_SECONDS)[0], (words, seen)
            got = os.read(self._end, 1000).decode()
            seen += got
            self.shown += got

    def types(self, line: str) -> None:
        os.write(self._end, f"{line}\n".encode())


@contextmanager
def at_terminal(*command: str | Path) -> Generator[Terminal]:
    ours, theirs = pty.openpty()
    words = [sys.executable, *map(str, command)]
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(ours, process)
            process.wait(10)
        finally:
            process.kill()
            os.close(ours)


def test_a_secret_is_typed_unseen_and_a_new_one_twice_until_it_is_good() -> None:
    asks = "new_passphrase('the backup'), new_password('claire', may_lack=True), secret('Old'), 1)"
    with at_terminal("-c", f"{ASKS}{asks}") as terminal:
        terminal.sees("New passphrase of the backup, 12 characters or more: ")
        terminal.types("short")
        terminal.sees("That is too short. New passphrase of the backup")
        for first, second in ((GOOD, OTHER), (GOOD, GOOD)):
            terminal.types(first)
            terminal.sees("The same again: ")
            terminal.types(second)
            if first != second:
                terminal.sees("These two are not the same. New passphrase of the backup")
        terminal.sees("New password of claire, 8 characters or more, or none: ")
        terminal.types("")
        terminal.sees("The same again: ")
        terminal.types("")
        terminal.sees("Old: ")
        terminal.types("x")
        terminal.sees(f"took {GOOD}  x 1")
    assert (terminal.shown.count(GOOD), OTHER in terminal.shown) == (1, False)


def test_a_command_asks_before_it_does_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    school = ("school", "--folder", tmp_path, "--school", "s", "--name", "S")
    with at_terminal("-m", "central_mdm", *school, "--sealed", tmp_path / "file") as terminal:
        terminal.sees("12 characters or more: ")
        terminal.process.send_signal(signal.SIGINT)
    assert (terminal.process.returncode, (tmp_path / "file").exists()) == (130, False)


def test_nothing_else_reads_what_is_typed() -> None:
    reads = {
        path.name
        for path in Path("central_mdm").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "stdin"
    }
    assert reads == {"typed.py"}
