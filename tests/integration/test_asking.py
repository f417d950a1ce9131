"""A pupil asks the guard who looked, over the real socket: their own user, and nobody else."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from central_mdm.contract.grants import Assignment
from device_bridge.agent.asking import ask
from device_bridge.agent.cli import main
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.asking import PupilSocket
from device_bridge.agent.guard.guard import Guard
from device_bridge.agent.guard.networks import Networks
from device_bridge.agent.local_socket import connect
from device_bridge.discovery.interfaces import OwnAddress
from device_bridge.protocol.asking import JoinAsked, JoinTold, SeenAsked, SeenTold
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.messages import encode
from device_bridge.protocol.seat import DropCurtain
from device_bridge.protocol.watching import WatchingDeclared
from tests.guards import FakeSeat, Hands, guard_in, lesson_on, link_to, makings_of

pytestmark = pytest.mark.real_loop

HOME = OwnAddress("wlan0", "192.168.1.20", 24)


class Asked:
    """A guard with one lesson, on a network that is not the school's; `there` is the seat's."""

    def __init__(self, path: Path) -> None:
        self.hands = Hands()
        self.guard: Guard = guard_in(path / "agent", self.hands)
        self.there = Folder(path / "run")
        self.there.root.mkdir()
        rules = Assignment("d", "s", 1, ("5B",), 0, ("10.7.0.0/16",))
        self.networks = Networks(lambda: rules, lambda: (HOME,), lambda _: "")

    def looked(self) -> None:
        FakeSeat(self.guard).sit()
        link = link_to(self.guard)
        lesson_on(self.guard, link)
        self.guard.told(link, WatchingDeclared(1, 600, "close"))
        self.hands.wall_seconds += 60
        self.guard.told(link, LockDeclared(1, True, 600, "", "Claire"))  # noqa: FBT003 - its field

    @asynccontextmanager
    async def answering(self, *uids: int) -> AsyncGenerator[None]:
        makings = makings_of(self.hands)
        socket = PupilSocket(self.there.pupil_socket, uids, self.guard, self.networks, makings)
        async with socket.serve():
            yield


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


async def test_the_pupils_own_user_hears_who_looked_a_moment_ago(asked: Asked) -> None:
    asked.looked()
    async with asked.answering(os.getuid()):
        told = await ask(asked.there, SeenAsked(), SeenTold)
    assert [(row.what, row.who, row.class_name, row.until) for row in told.rows] == [
        ("seen-locked", "Claire", "5B", 0),
        ("seen-close", "Claire", "5B", 0),
    ]
    assert not told.more


async def test_another_user_of_the_device_hears_nothing_and_joins_nothing(asked: Asked) -> None:
    asked.looked()
    async with asked.answering(os.getuid() + 1):
        for question in (SeenAsked(), JoinAsked(really=True)):
            with pytest.raises(ConnectionError):
                await ask(asked.there, question, SeenTold)
    assert asked.networks.allowed() == ()


@pytest.mark.parametrize("raw", [b"", b"\xff" * 9, encode(DropCurtain(1))])
async def test_what_is_no_question_is_answered_by_the_end(asked: Asked, raw: bytes) -> None:
    async with asked.answering(os.getuid()):
        wire = await connect(asked.there.pupil_socket)
        wire.send(raw)
        with pytest.raises(ConnectionError):
            await wire.receive()
        await wire.close()


async def test_a_pupil_joins_the_network_that_is_here_and_it_stands_in_the_journal(
    asked: Asked,
) -> None:
    async with asked.answering(os.getuid()):
        assert await ask(asked.there, JoinAsked(), JoinTold) == JoinTold(("192.168.1.0/24",))
        assert asked.networks.allowed() == ()
        await ask(asked.there, JoinAsked(really=True), JoinTold)
    assert asked.networks.allowed() == (HOME.address,)
    assert [(row.kind, row.words) for row in asked.guard.voice.notes] == [
        ("joined", "192.168.1.0/24")
    ]


async def test_the_command_asks_the_guard_and_writes_a_file(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked.looked()
    out, run = tmp_path / "seen.csv", str(asked.there.root)
    async with asked.answering(os.getuid()):
        for words in (["seen", "--out", str(out)], ["join"]):
            code = await asyncio.to_thread(main, [*words, "--folder", run, "--language", "en"])
            assert code == 0
    assert ",Claire,locked this screen,5B" in out.read_text()
    assert "Found on 192.168.1.0/24, until" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["join", "--folder", run]) == 1
    assert "does not run here" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_not_nobody_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("seen", "join"):
        assert main([command, "--folder", str(tmp_path / "none")]) == 1
        assert "not enrolled" in capsys.readouterr().err
