"""Opening what was handed out, with a real program, and nothing that lies elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from device_bridge.agent.platform.linux_open import (
    NO_PROGRAM,
    NOT_A_PAGE,
    NOT_HERE,
    LinuxOpen,
)
from tests.desktop import join_waiters

pytestmark = pytest.mark.real_loop


@pytest.fixture
def received(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "received"
    folder.mkdir()
    (folder / "climat oslo; rm -rf.pdf").write_text("x")
    (tmp_path / "secret").write_text("x")
    (folder / "link.pdf").symlink_to(tmp_path / "secret")
    yield folder
    join_waiters()


def opener(received: Path, ends_with: int = 0) -> LinuxOpen:
    """Open with a program that writes down what it was given."""
    program = received.parent / "open"
    program.write_text(
        f'#!/bin/sh\nprintf "%s" "$*" > "{received.parent}/told"\nexit {ends_with}\n'
    )
    program.chmod(0o700)
    return LinuxOpen((received,), str(program))


async def test_a_file_of_the_folder_reaches_the_program_as_one_word(received: Path) -> None:
    path = str(received / "climat oslo; rm -rf.pdf")
    assert await opener(received).file(path) == ""
    assert (received.parent / "told").read_text() == path


@pytest.mark.parametrize(
    "name", ["../secret", "link.pdf", "gone.pdf", "a\0b", "/etc/passwd", "x" * 2000]
)
async def test_what_lies_elsewhere_is_not_opened(received: Path, name: str) -> None:
    assert await opener(received).file(str(received) + "/" + name) == NOT_HERE
    assert await opener(received).file(name) == NOT_HERE
    assert not (received.parent / "told").exists()


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "--version",
        "https://",
        "http://a b",
        "http://[::1",
        "http://a\n.org",
        "https://a.org/" + "x" * 3000,
    ],
)
async def test_only_web_pages_are_pages(received: Path, address: str) -> None:
    assert await opener(received).page(address) == NOT_A_PAGE


async def test_a_page_is_opened_and_a_program_that_fails_is_told(received: Path) -> None:
    assert await opener(received).page("https://fr.wikipedia.org/wiki/Oslo") == ""
    assert await opener(received, ends_with=3).page("https://a.org") == NO_PROGRAM
    assert await LinuxOpen((received,), "/no/such").page("https://a.org") == NO_PROGRAM
