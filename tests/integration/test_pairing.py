"""Pairing over real TLS on loopback: who gets in, who does not, and what stays on the disk."""

import asyncio
import json
import socket
import ssl
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.pairing import AlreadyEnrolled, Pairing
from device_bridge.discovery.doors import Doors
from device_bridge.protocol.errors import DeviceError, NotPaired
from device_bridge.protocol.pairing import PairGiven, PairRequested, code_from
from device_bridge.session.pairing import Guess, Knock, TurnedAway, knock
from device_bridge.session.wire import Lane, dial_lane, take_lane
from device_bridge.trust.identity import new_key, thumbprint
from device_bridge.trust.pairing import Secret, for_pairing, pairing_context, stranger
from tests.pairing import CODE, App, from_address, waiting

pytestmark = pytest.mark.real_loop
HERE = ["127.0.0.1"]


Opened = asyncio.Task[PairGiven | str]


@asynccontextmanager
async def at_the_door(pairing: Pairing) -> AsyncGenerator[tuple[int, Opened]]:
    """Open a device's door; the task tells what it kept, or why it closed without."""

    async def live() -> PairGiven | str:
        try:
            return await pairing.door.run()
        except TurnedAway as over:
            return over.why

    port = pairing.bind(HERE, free_port())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(live(), name="door")
        try:
            yield port, task
        finally:
            task.cancel()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


async def test_a_device_with_the_code_becomes_a_device_of_the_school(tmp_path: Path) -> None:
    app = App()
    async with at_the_door(waiting(tmp_path)) as (port, task):
        device = await app.knock(port)
        given = await task
    assert isinstance(given, PairGiven)
    assert app.asked[0].name == "Lina's laptop"
    enrolled = read_enrolment(Folder(tmp_path))
    assert enrolled.device == given.device == f"d-{device[:16]}"
    assert enrolled.school.root == app.authority.school.root
    assert thumbprint(enrolled.identity.key.public_key()) == device
    assert enrolled.assignment is not None
    assert enrolled.assignment.classes == ("5B",)
    assert not Folder(tmp_path).fleet.exists()


async def test_an_enrolled_device_never_opens_its_door(tmp_path: Path) -> None:
    async with at_the_door(waiting(tmp_path)) as (port, task):
        await App().knock(port)
        await task
    with pytest.raises(AlreadyEnrolled):
        waiting(tmp_path)


async def test_when_the_schools_key_is_lost_a_device_pairs_again_with_its_own_key(
    tmp_path: Path,
) -> None:
    lost, fresh = App(), App()
    async with at_the_door(waiting(tmp_path)) as (port, task):
        before = await lost.knock(port)
        await task
    folder = Folder(tmp_path)
    for file in (folder.school, folder.certificate, folder.assignment):
        file.unlink()
    async with at_the_door(waiting(tmp_path)) as (port, task):
        assert await fresh.knock(port) == before
        await task
    assert read_enrolment(folder).school.root == fresh.authority.school.root


async def test_three_wrong_codes_of_one_address_are_all_it_gets(tmp_path: Path) -> None:
    app, told = App(), list[str]()
    async with at_the_door(waiting(tmp_path)) as (port, _):
        for wrong in ("000000", "111111", "222222", CODE):
            with pytest.raises(TurnedAway) as refused:
                await app.knock(port, wrong)
            told.append(refused.value.why)
    assert told == ["wrong-code"] * 3 + ["too-many"]
    assert not Folder(tmp_path).school.exists()


async def test_a_hundred_parallel_guesses_from_ten_addresses_close_the_window_at_twenty(
    tmp_path: Path,
) -> None:
    app, told = App(), list[str]()
    identity = for_pairing(new_key(), "teacher")
    context = pairing_context(identity, "app")
    ours = thumbprint(identity.key.public_key())
    pairing = waiting(tmp_path)

    async def guess(number: int, port: int) -> None:
        code = code_from(number.to_bytes(6, "big"))
        try:
            to = ("127.0.0.1", port)
            async with from_address(f"127.0.1.{number % 10 + 1}", to) as near:
                door = Knock(near, context, ours, code.encode())
                await knock(door, Guess(300, time.monotonic), app.decide)
        except TurnedAway as refused:
            told.append(refused.why)
        except (OSError, DeviceError):
            told.append("cut")

    async with at_the_door(pairing) as (port, task):
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(guess(number, port))
        while not task.done():  # of a hundred at once the door cuts the crowd; they come again
            await guess(len(told), port)
        why = await task
        with pytest.raises(ConnectionRefusedError):
            await app.knock(port)
    assert why == "too-many"
    assert told.count("wrong-code") <= 20
    assert not app.asked
    assert not Folder(tmp_path).school.exists()


async def test_a_man_in_the_middle_who_ends_tls_on_both_sides_is_refused(tmp_path: Path) -> None:
    """He relays every message as it is; both ends see his keys in TLS and so agree on nothing."""
    app = App()
    to_app = pairing_context(for_pairing(new_key(), "device"), "device")
    to_device = pairing_context(for_pairing(new_key(), "teacher"), "app")
    async with (
        at_the_door(waiting(tmp_path)) as (port, _),
        relaying(to_app, to_device, port) as near,
    ):
        with pytest.raises(TurnedAway) as refused:
            await app.knock(near)
    assert refused.value.why == "wrong-code"
    assert not app.asked
    assert not Folder(tmp_path).school.exists()


@asynccontextmanager
async def relaying(
    to_app: ssl.SSLContext, to_device: ssl.SSLContext, port: int
) -> AsyncGenerator[int]:
    """Take one lane of an app and carry each message to a device, and back."""

    async def relay() -> None:
        taken, _ = await asyncio.get_running_loop().sock_accept(made)
        left = await take_lane(taken, to_app, stranger, 5.0, ("/pair",))
        right = await dial_lane(("127.0.0.1", port), "/pair", to_device, stranger)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(copy(left, right))
                group.create_task(copy(right, left))
        finally:
            left.abort()
            right.abort()

    with socket.create_server(("127.0.0.1", 0)) as made:
        made.setblocking(False)  # noqa: FBT003 - its signature
        async with asyncio.TaskGroup() as group:
            between = group.create_task(relay())
            yield int(made.getsockname()[1])
            between.cancel()


async def copy(source: Lane, sink: Lane) -> None:
    with suppress(OSError):
        while True:
            await sink.send(await source.receive())


async def test_a_teachers_no_leaves_the_device_unpaired_and_its_window_open(
    tmp_path: Path,
) -> None:
    app = App(yes=False)
    async with at_the_door(waiting(tmp_path)) as (port, task):
        with pytest.raises(TurnedAway) as refused:
            await app.knock(port)
        assert refused.value.why == "refused"
        assert not Folder(tmp_path).school.exists()
        app.yes = True
        await app.knock(port)
        await task


async def test_while_a_teacher_decides_others_wait(tmp_path: Path) -> None:
    app, deciding, decided = App(), asyncio.Event(), asyncio.Event()

    async def slowly(asked: PairRequested, device: str) -> PairGiven | None:
        deciding.set()
        await decided.wait()
        return await app.decide(asked, device)

    async with at_the_door(waiting(tmp_path)) as (port, task), asyncio.TaskGroup() as group:
        group.create_task(app.knock(port, decide=slowly))
        await deciding.wait()
        with pytest.raises(TurnedAway) as refused:
            await App().knock(port)
        assert refused.value.why == "busy"
        decided.set()
        await task


async def test_a_certificate_that_is_not_of_the_given_root_is_not_kept(tmp_path: Path) -> None:
    app, other = App(), App()

    async def mixed(asked: PairRequested, device: str) -> PairGiven | None:
        given = await app.decide(asked, device)
        theirs = await other.decide(asked, device)
        assert given
        assert theirs
        return PairGiven(
            given.school, "x", given.device, theirs.certificate, given.root, "", given.assignment
        )

    async with at_the_door(waiting(tmp_path)) as (port, _):
        with pytest.raises(ConnectionError):
            await app.knock(port, decide=mixed)
    assert not Folder(tmp_path).school.exists()


async def test_a_scanned_secret_pairs_with_its_own_app_only(tmp_path: Path) -> None:
    app = App()
    secret = Secret.read(Secret(bytes(16), app.thumbprint).text())
    pairing = waiting(tmp_path, secret.secret.hex(), app=secret.app)
    async with at_the_door(pairing) as (port, task):
        with pytest.raises(TurnedAway) as refused:
            await App().knock(port, secret.secret.hex())
        assert refused.value.why == "other-app"
        await app.knock(port, secret.secret.hex())
        await task


async def test_a_window_closes_in_its_time_and_the_port_with_it(tmp_path: Path) -> None:
    async with at_the_door(waiting(tmp_path, seconds=0.2)) as (port, task):
        assert await task == "closed"
        with pytest.raises(ConnectionRefusedError):
            await App().knock(port)


async def test_the_door_speaks_nothing_but_pairing(tmp_path: Path) -> None:
    app = App()
    async with at_the_door(waiting(tmp_path)) as (port, _):
        with pytest.raises(OSError, match="404"):
            await dial_lane(("127.0.0.1", port), "/control", app.context, stranger)
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
        with pytest.raises((OSError, NotPaired)):
            await dial_lane(("127.0.0.1", port), "/pair", plain, stranger)


async def test_a_false_device_gets_a_guess_a_knock_and_the_apps_window_closes(
    tmp_path: Path,
) -> None:
    """Whoever announces himself as unpaired guesses at the class's code, each knock once."""
    app, guess = App(), Guess(300, time.monotonic)
    told: list[str] = []
    for number in range(25):
        folder = tmp_path / str(number)  # each with a key of its own
        async with at_the_door(waiting(folder, code_from(bytes([number] * 6)))) as (port, _):
            try:
                await app.knock(port, CODE, guess)
            except TurnedAway as refused:
                told.append(refused.why)
    assert told == ["wrong-code"] * 20 + ["too-many"] * 5
    assert guess.over() == "too-many"


async def test_the_agents_own_command_shows_a_code_and_ends_paired(tmp_path: Path) -> None:
    command = ("-m", "device_bridge.agent", "pair", "--folder", str(tmp_path / "agent"))
    there = ("--interface", "127.0.0.1", "--port", str(free_port()), "--name", "Tablet 4")
    agent = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *there,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert agent.stdout
    assert agent.stderr
    app = App()
    async with asyncio.timeout(30):
        told = json.loads(await agent.stdout.readline())
        await app.knock(told["port"], told["code"])
        paired = json.loads(await agent.stdout.readline())
        said = (await agent.stderr.read()).decode().splitlines()
        assert await agent.wait() == 0
    listed = f"Tablet 4 · {told['label']}."
    assert said == [
        f"Waiting for five minutes. Pupitre lists this device as {listed}",
        f"The code was right. Say yes in Pupitre to {listed}",
    ]
    assert app.asked[0].name == "Tablet 4"
    assert paired["device"] == read_enrolment(Folder(tmp_path / "agent")).device
    again = await asyncio.create_subprocess_exec(
        sys.executable, *command, *there, stderr=asyncio.subprocess.PIPE
    )
    _, words = await again.communicate()
    assert again.returncode == 1
    assert b"belongs to a school already" in words


async def test_an_unpaired_device_is_heard_by_its_label_and_nothing_personal(
    tmp_path: Path,
) -> None:
    heard: asyncio.Queue[tuple[str, tuple[tuple[str, int], ...], str]] = asyncio.Queue()

    def hear(label: str, places: tuple[tuple[str, int], ...], kind: str) -> None:
        heard.put_nowait((label, places, kind))

    pairing = waiting(tmp_path)
    port = pairing.bind(HERE, free_port())
    doors = Doors(hear, lambda _: None, HERE)
    async with asyncio.TaskGroup() as group:
        device = group.create_task(pairing.run(port, HERE))
        browsing = group.create_task(doors.run())
        async with asyncio.timeout(20):
            while (found := await heard.get())[0] != pairing.label:
                pass
        assert found[1:] == ((("127.0.0.1", port),), "own")
        await App().knock(port)
        await device
        browsing.cancel()
