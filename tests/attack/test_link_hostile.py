"""What a listener does with strangers, liars and babble, while a lesson goes on beside it."""

import asyncio
import ssl
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Literal

import msgspec
import pytest
from msgspec.structs import replace

from device_bridge.protocol import link
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import Malformed, NotPaired
from device_bridge.protocol.fields import CONTROL_BYTES_MAX, PICTURE_BYTES_MAX
from device_bridge.protocol.hello import (
    Hello,
    LaneHello,
    MandateShown,
    NotUnderstood,
    Order,
    Refused,
    Report,
    Welcome,
)
from device_bridge.protocol.messages import decode_from_device, encode
from device_bridge.session.device_link import DeviceLink
from device_bridge.session.dial import judge_device
from device_bridge.session.listen import HALF_OPEN_OF_ONE_MAX
from device_bridge.session.wire import HungUp, Lane, Path, Wire, WireEnded, dial_lane
from device_bridge.trust.identity import dialler_context
from tests.attack.dialling import UPGRADE, answered, dialled
from tests.linked import App, Device, Earth, Scene, listener_for, room_for, running, scene
from tests.orders import Orders
from tests.school import NOW, SmallSchool, mandate_for
from tests.teaching import until

pytestmark = pytest.mark.real_loop
ENDS = (WireEnded, Malformed, NotPaired)


@asynccontextmanager
async def standing() -> AsyncGenerator[Scene]:
    """Set up a lesson's link that must still carry a lock when all is over."""
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        yield stage
        stage.room.declare("dev-1", LockDeclared(9, locked=True, lease_seconds=60))
        await stage.device.until(lambda: stage.device.said)
        assert stage.app.goners == []
        assert len(stage.app.ups) == 1


def hello(stage: Scene, grant: str | None = None, mandate: str | None = None) -> Hello:
    made = stage.school.grant(stage.teacher) if grant is None else grant
    return Hello(1, 1, "test", made, mandate_for(stage.teacher) if mandate is None else mandate)


async def test_a_device_of_another_school_is_not_paired_and_never_up() -> None:
    ours, theirs = SmallSchool(), SmallSchool()
    app, earth, device = App(), Earth(), Device()
    listener = listener_for(theirs, theirs.identity("device", "dev-1"), device, earth)
    listener.bind(["127.0.0.1"])
    room = room_for(ours, ours.identity("teacher", "teacher-1"), app)
    room.keep("dev-1")
    room.sighted("dev-1", [("127.0.0.1", listener.port)])
    async with running(listener, room):
        await app.until(lambda: app.goners)
    assert app.goners == ["not-paired"]
    assert (app.ups, device.links) == ([], [])


async def test_a_teacher_whose_certificate_the_device_refuses_learns_it_by_the_second_try() -> None:
    async with standing() as stage:
        app = App()
        mine = SmallSchool().identity("teacher", "teacher-1")
        room = room_for(stage.school, mine, app)
        room.keep("dev-1")
        room.sighted("dev-1", [stage.address])
        async with running(room):
            await app.until(lambda: "not-paired" in app.goners)
        assert app.goners == ["unreachable", "not-paired"]


async def test_a_record_that_lies_leads_to_another_device_and_the_certificate_says_so() -> None:
    async with standing() as stage:
        stage.room.keep("dev-2")
        stage.room.sighted("dev-2", [stage.address])
        await stage.app.until(lambda: stage.app.goners)
        assert stage.app.goners == ["other-device"]
        stage.room.forget("dev-2")
        stage.app.goners.clear()


async def test_the_wrong_address_first_costs_a_moment_and_not_the_link() -> None:
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        stage.room.forget("dev-1")
        stage.room.keep("dev-1")
        stage.room.sighted("dev-1", [("127.0.0.1", 1), stage.address])
        await stage.app.until(lambda: len(stage.app.ups) == 2)


@pytest.mark.parametrize("case", ["other-school", "a-device", "two-names", "no-name", "ended"])
async def test_who_is_no_teacher_of_the_school_is_not_paired(case: str) -> None:
    async with standing() as stage:
        school = stage.school
        intruder = {
            "other-school": lambda: SmallSchool().identity("teacher", "teacher-1"),
            "a-device": lambda: school.identity("device", "dev-9"),
            "two-names": lambda: school.identity(
                "teacher",
                "x",
                uris=("pupitre://school-1/teacher/x", "pupitre://school-1/teacher/y"),
            ),
            "no-name": lambda: school.identity("teacher", "x", uris=()),
            "ended": lambda: school.identity(
                "teacher", "teacher-1", begins=NOW - 400 * 86_400, days=395
            ),
        }[case]()
        with pytest.raises((NotPaired, HungUp)):
            # TLS 1.3: the dialler's own handshake may end before it is refused.
            await (await dialled(stage, intruder)).receive()


async def test_an_identity_that_ended_by_the_wall_clock_holds_by_the_floor() -> None:
    async with scene(earth=Earth(floor_now=NOW - 300 * 86_400)) as stage:
        old = stage.school.identity("teacher", "t", begins=NOW - 400 * 86_400, days=395)
        lane = await dialled(stage, old)
        said = await answered(lane, hello(stage, grant=""))
        assert said == Refused("hello", "not-allowed", "none")
        await lane.close()


@pytest.mark.parametrize(
    "babble",
    [b"GET /control HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 4000, b"\x00", b""],
)
async def test_plain_bytes_reach_no_parser(babble: bytes) -> None:
    async with standing() as stage:
        reader, writer = await asyncio.open_connection(*stage.address)
        writer.write(babble)
        writer.write_eof()
        answer = await reader.read()
        assert not answer.startswith(b"HTTP")
        writer.close()
        await writer.wait_closed()


async def test_tls_1_2_is_refused() -> None:
    async with standing() as stage:
        context = dialler_context(stage.teacher, stage.school.school)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((NotPaired, ConnectionResetError)):
            await dial_lane(
                stage.address, "/control", context, judge_device("dev-1", stage.school.school, NOW)
            )


async def raw_tls(stage: Scene) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = dialler_context(stage.teacher, stage.school.school)
    return await asyncio.open_connection(*stage.address, ssl=context, server_hostname="x")


@pytest.mark.parametrize("extra", ["path", "origin", "babble", "header"])
async def test_only_our_three_paths_are_served_and_no_browser(extra: str) -> None:
    request = {
        "path": b"GET /admin HTTP/1.1\r\n",
        "origin": b"GET /control HTTP/1.1\r\nOrigin: https://example.org\r\n",
        "babble": b"\x00\xff\xfe BABBLE\r\n",
        "header": b"GET /control HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n",
    }[extra]
    async with standing() as stage:
        reader, writer = await raw_tls(stage)
        writer.write(
            request + b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        with suppress(ConnectionError):  # cut is as good an answer
            assert b" 101 " not in await reader.read()
        writer.transport.abort()


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"\xc1",
        b"\x81\xa4type\xa5hello",
        encode(Hello(1, 1, "a", ""))[:-3],
        encode(LockDeclared(1, locked=True, lease_seconds=1)),
        encode(NotUnderstood("x")),
        encode(Order(bytes(16), 1, "", msgspec.Raw(encode(NotUnderstood("x"))))),
        msgspec.msgpack.encode({"type": "hologram"}),
        b"\x00" * (CONTROL_BYTES_MAX + 1),
        b"\x00" * 300_000,
    ],
)
async def test_a_first_message_that_is_no_hello_ends_the_link(first: bytes) -> None:
    async with standing() as stage:
        lane = await dialled(stage)
        await lane.send(first)
        with pytest.raises(ENDS):
            await lane.receive()
        await lane.close()
        assert len(stage.device.links) == 1


async def test_a_fault_of_ours_ends_the_link_that_met_it_and_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with standing() as stage:

        def wrong(made: DeviceLink, message: Hello) -> None:
            raise ZeroDivisionError(made, message)

        monkeypatch.setattr(stage.device, "welcome", wrong)
        lane = await dialled(stage)
        await lane.send(encode(hello(stage)))
        with pytest.raises(ENDS):
            await lane.receive()
        await lane.close()
        await until(lambda: [each.message for each in caplog.records if each.exc_info])
        stage.room.declare("dev-1", LockDeclared(1, locked=True, lease_seconds=600))
        await stage.device.until(lambda: stage.device.said)
        assert [each.message for each in caplog.records if each.exc_info] == ["lane broke"]
    caplog.clear()


async def test_a_frame_that_claims_a_gigabyte_is_refused_before_it_comes() -> None:
    async with standing() as stage:
        reader, writer = await raw_tls(stage)
        writer.write(
            b"GET /control HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x82\xff" + struct.pack("!Q", 2**30) + b"mask")
        head = await reader.readexactly(4)
        assert head[0] == 0x88  # a close frame (RFC 6455, 5.5.1)
        assert struct.unpack("!H", head[2:4]) == (1009,)  # message too big (7.4.1)
        writer.transport.abort()


@pytest.mark.parametrize("frame", [b"\x89\x80mask", b"\x02\x80mask" + b"\x00\x80mask" * 9])
async def test_who_fills_a_read_with_tiny_frames_is_cut_off(
    frame: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "HELLO_SECONDS", 60.0)
    async with standing() as stage:
        reader, writer = await raw_tls(stage)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame * 1000)
        with suppress(ConnectionError):
            async with asyncio.timeout(30):  # later it would be cut in any case
                while await reader.read(65536):
                    pass
        writer.transport.abort()


async def test_a_link_that_stands_is_ended_by_babble_and_no_other_is() -> None:
    async with standing() as stage:
        lane = await dialled(stage)
        assert isinstance(await answered(lane, hello(stage)), Welcome)
        await lane.send(b"\xff\xff")
        with pytest.raises(ENDS):
            await lane.receive()
        await lane.close()
        await stage.device.until(lambda: stage.device.lost_links)


async def test_a_message_from_the_future_is_answered_and_the_link_goes_on() -> None:
    async with standing() as stage:
        lane = await dialled(stage)
        welcome = await answered(lane, hello(stage))
        assert isinstance(welcome, Welcome)
        hologram = msgspec.msgpack.encode({"type": "hologram", "x": 1})
        order = Orders(welcome).order(NotUnderstood("x"))
        await lane.send(encode(replace(order, message=msgspec.Raw(hologram))))
        assert decode_from_device(await lane.receive()) == NotUnderstood("hologram")
        stage.device.links[1].send(Report("attention", 0, "free"))
        assert isinstance(decode_from_device(await lane.receive()), Report)
        await lane.close()
        await stage.device.until(lambda: stage.device.lost_links)


@pytest.mark.parametrize(
    ("lowest", "highest", "why"), [(0, 0, "too-old"), (2, 9, "too-new"), (9, 2, "too-new")]
)
async def test_a_version_we_do_not_share_is_refused_by_name(
    lowest: int, highest: int, why: Literal["too-old", "too-new"]
) -> None:
    async with standing() as stage:
        lane = await dialled(stage)
        assert await answered(lane, Hello(lowest, highest, "a", "")) == Refused("hello", why)
        with pytest.raises(ENDS):
            await lane.receive()
        await lane.close()


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("ended", "grant-ended"),
        ("forged", "forged"),
        ("another's", "another-teacher"),
        ("other-class", "class"),
        ("other-grant", "another-grant"),
        ("own-mandate", "forged"),
        ("garbage", "forged"),
        ("none", "none"),
    ],
)
async def test_a_hello_without_good_papers_is_refused(case: str, why: str) -> None:
    async with standing() as stage:
        school, teacher = stage.school, stage.teacher
        colleague = school.identity("teacher", "teacher-2")
        grant, mandate = {
            "ended": (school.grant(teacher, issued_at=NOW - 8 * 86_400), ""),
            "forged": (SmallSchool().grant(teacher), ""),
            "another's": (school.grant(colleague, name="teacher-2"), ""),
            "other-class": (school.grant(teacher), mandate_for(teacher, class_id="6A")),
            "other-grant": (school.grant(teacher), mandate_for(teacher, grant="grant-x")),
            "own-mandate": (school.grant(teacher), mandate_for(colleague)),
            "garbage": ("a.b.c", ""),
            "none": ("", ""),
        }[case]
        lane = await dialled(stage)
        said = await answered(lane, hello(stage, grant, mandate))
        assert said == Refused("hello", "not-allowed", why)
        await lane.close()
        assert len(stage.device.links) == 1


async def test_a_class_the_device_does_not_serve_moves_nothing_on_it() -> None:
    async with scene(earth=Earth(serves=("6A",))) as stage:
        stage.room.declare("dev-1", LockDeclared(1, locked=True, lease_seconds=60))
        await stage.app.until(lambda: stage.app.heard_)
        assert stage.app.heard_ == [Refused("lock-declared", "not-allowed", "class")]
        assert stage.device.said == []


async def test_bad_papers_shown_later_change_nothing() -> None:
    async with standing() as stage:
        lane = await dialled(stage)
        welcome = await answered(lane, hello(stage))
        assert isinstance(welcome, Welcome)
        shown = MandateShown(stage.school.grant(stage.teacher), "x.y.z")
        said = await answered(lane, Orders(welcome).order(shown))
        assert said == Refused("mandate-shown", "not-allowed", "forged")
        assert stage.device.links[1].mandate is not None
        await lane.close()
        await stage.device.until(lambda: stage.device.lost_links)


@pytest.mark.parametrize("path", ["/pictures", "/bulk"])
async def test_a_lane_token_serves_its_own_teacher_while_its_link_lives(path: Path) -> None:
    async with standing() as stage:
        colleague = stage.school.identity("teacher", "teacher-2")
        token = stage.device.links[0].lane_token
        for who, shown in ((colleague, token), (stage.teacher, bytes(32))):
            lane = await dialled(stage, who, path)
            said = await answered(lane, LaneHello(shown))
            assert said == Refused("lane-hello", "not-allowed")
            await lane.close()


async def test_lanes_end_with_their_control() -> None:
    async with standing() as stage:
        control = await dialled(stage)
        welcome = await answered(control, hello(stage))
        assert isinstance(welcome, Welcome)
        bulk = await dialled(stage, path="/bulk")
        await bulk.send(encode(LaneHello(welcome.lane_token)))
        await bulk.receive()
        await control.close()
        with pytest.raises(WireEnded):
            await bulk.receive()
        await bulk.close()
        lane = await dialled(stage, path="/bulk")
        await lane.send(encode(LaneHello(welcome.lane_token)))
        assert decode_from_device(await lane.receive()) == Refused("lane-hello", "not-allowed")
        await lane.close()


async def test_who_dawdles_gives_the_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with standing() as stage:
        monkeypatch.setattr(link, "HELLO_SECONDS", 2.0)
        silent = [await asyncio.open_connection(*stage.address) for _ in range(6)]
        assert len(silent) == HALF_OPEN_OF_ONE_MAX
        reader, writer = await asyncio.open_connection(*stage.address)
        assert await reader.read() == b""  # at once: there is no room for a seventh
        writer.close()
        for reader, writer in silent:
            async with asyncio.timeout(20):
                await reader.read()
            writer.close()
        lane = await dialled(stage)  # room again, and then no hello
        with pytest.raises(ENDS):
            await lane.receive()
        await lane.close()


async def test_a_fifth_link_is_told_busy_unless_an_older_one_is_the_same_teachers() -> None:
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        others: list[Lane] = []
        for number in range(2, 6):
            name = f"teacher-{number}"
            who = stage.school.identity("teacher", name)
            lane = await dialled(stage, who)
            papers = Hello(1, 1, "x", stage.school.grant(who, name=name))
            others.append(lane)
            said = await answered(lane, papers)
            assert isinstance(said, Welcome) if number < 5 else said == Refused("hello", "busy")
        again = await dialled(stage)
        assert isinstance(await answered(again, hello(stage)), Welcome)
        await stage.app.until(lambda: stage.app.goners)
        for lane in (*others, again):
            await lane.close()


class Unhurried(Device):
    """Takes nothing of what is shown; `shown`: its lane."""

    shown: Lane | None = None

    async def showing(self, link: DeviceLink, wire: Wire) -> None:
        del link
        assert isinstance(wire, Lane)
        self.shown = wire
        self.note()
        await asyncio.Event().wait()


async def test_who_shows_without_credit_has_the_device_hold_two_pictures_and_no_more() -> None:
    device = Unhurried()
    async with scene(device=device) as stage:
        await stage.app.until(lambda: stage.app.ups)
        control = await dialled(stage)
        welcome = await answered(control, hello(stage))
        assert isinstance(welcome, Welcome)
        lane = await dialled(stage, path="/showing")
        await lane.send(encode(LaneHello(welcome.lane_token)))
        await device.until(lambda: device.shown)

        async def flood() -> None:
            while True:
                await lane.send(bytes(PICTURE_BYTES_MAX))

        async with asyncio.TaskGroup() as group:
            flooding = group.create_task(flood())
            assert device.shown is not None
            waiting = device.shown._socket.recv_messages  # pyright: ignore[reportPrivateUsage]
            await until(lambda: waiting.paused, "the device reads no more")
            turns = [await asyncio.sleep(0.01, len(waiting.frames)) for _ in range(20)]
            assert turns == [2] * 20
            flooding.cancel()
            device.shown.abort()
        lane.abort()
        control.abort()
