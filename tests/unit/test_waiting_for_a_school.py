"""A guard whose device belongs to no school waits for one, and asks nobody in a hurry meanwhile."""

import asyncio
import os
import signal
from itertools import repeat
from pathlib import Path

import pytest
from msgspec import json

from central_mdm.contract.wanted import Reports
from device_bridge.agent import cli, leave
from device_bridge.agent.guard.central import FleetKept
from device_bridge.agent.guard.wiping import begin_wipe, finish_wipe
from device_bridge.agent.leave import until_enrolled
from device_bridge.protocol.errors import NotPaired, TryAgain
from tests.enrolled import DEVICE, folder_of
from tests.false_servers import JSON, Talk, answering, speaking
from tests.school import SmallSchool
from tests.teaching import until

pytestmark = pytest.mark.real_loop
SCHOOL = SmallSchool()


async def test_who_was_erased_tells_it_when_the_mdm_says_and_is_there_when_it_is_enrolled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leave, "LOOK_SECONDS", 0.01)
    loop, came, said = asyncio.get_running_loop(), list[float](), list[NotPaired]()
    later = answering("503 Service Unavailable", JSON, b"{}", "Retry-After: 1")
    answers: list[Talk] = [later, answering("200 OK", JSON, b'{"taken":1}')]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(loop.time())
        await answers.pop(0)(reader, writer)

    folder = folder_of(tmp_path / "device", SCHOOL, SCHOOL.identity("device", DEVICE))
    async with speaking(talk) as address, asyncio.TaskGroup() as group:
        folder.fleet.write_bytes(json.encode(FleetKept(address, "d.x")))
        begin_wipe(folder, "w1")
        waiting = group.create_task(until_enrolled(folder, repeat(0.01), said.append))
        await until(lambda: said, "it was told, and nobody's")
        assert not any(folder.root.iterdir())
        folder_of(folder.root, SCHOOL, SCHOOL.identity("device", DEVICE))
        await waiting
    assert came[1] - came[0] >= 1, "as the MDM said"
    assert len(said) == 1, "once is enough"
    assert folder.school.exists()


async def test_who_is_enrolled_anew_before_its_erasure_was_told_is_not_erased_once_more(
    tmp_path: Path,
) -> None:
    async def away(_: Reports) -> None:
        raise TryAgain(1.0)

    folder = folder_of(tmp_path / "device", SCHOOL, SCHOOL.identity("device", DEVICE))
    begin_wipe(folder, "w1")
    with pytest.raises(TryAgain):
        await finish_wipe(folder, away)
    folder_of(folder.root, SCHOOL, SCHOOL.identity("device", DEVICE))
    assert not await finish_wipe(folder, away)
    assert folder.school.exists()


def test_the_service_of_a_device_without_a_school_waits_and_ends_when_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = list[str]()

    def sentence(error: NotPaired) -> str:
        os.kill(os.getpid(), signal.SIGTERM)  # it waits from here on
        said.append(str(error))
        return ""

    (tmp_path / "receipt.json").write_bytes(b"{}")
    monkeypatch.setattr(cli, "log_to_stderr", lambda: None)
    monkeypatch.setattr(cli, "_sentence", sentence)
    assert cli.main(["guard", "--folder", str(tmp_path)]) == 0
    assert said == ["not enrolled"]
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.json"], "it makes nothing anew"
