"""A lesson's link between a real listener and a real room, over TLS on loopback."""

import pytest
from msgspec.structs import replace

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import TryAgain
from device_bridge.protocol.hello import Answer, MandateShown, Refused, Report
from device_bridge.protocol.messages import FromApp
from device_bridge.protocol.pictures import Frame, Patch, covering
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.talking import MessageSaid
from device_bridge.protocol.watching import WatchingDeclared
from device_bridge.session.device_link import DeviceLink
from tests.linked import App, Device, Earth, running, scene
from tests.school import mandate_for

pytestmark = pytest.mark.real_loop

LESSON = LessonDeclared(1, 600, "on", "lesson-1", "5B", "5e B", "Ms Vidal")
WATCHED = Report("watching", 1, "on")


def lock(version: int) -> LockDeclared:
    return LockDeclared(version, locked=True, lease_seconds=600)


def frame(number: int) -> Frame:
    return Frame(number, 1, 320, 180, 1920, 1080, covering(bytes([number]) * 1000, 320, 180))


async def test_a_lock_reaches_the_device_and_its_report_comes_back() -> None:
    async with scene() as stage:
        stage.room.declare("dev-1", LESSON)
        stage.room.declare("dev-1", lock(1))
        await stage.device.until(lambda: len(stage.device.said) == 2)
        assert stage.device.said == [lock(1), LESSON]  # the lock is ahead of all else
        report = Report("attention", 1, "locked")
        stage.device.links[0].send(report)
        await stage.app.until(lambda: stage.app.heard_)
        assert stage.app.heard_ == [report]
        assert stage.device.links[0].teacher_name == "Ms Vidal"
        assert stage.device.links[0].mandate_ends_at == 1000.0 + 3600
        assert stage.earth.signed


async def test_a_device_that_returns_is_told_the_newest_of_each_kind_and_no_history() -> None:
    async with scene() as stage:
        for version in range(1, 5):
            stage.room.declare("dev-1", lock(version))
        await stage.device.until(lambda: lock(4) in stage.device.said)
        stage.device.said.clear()
        stage.room.declare("dev-1", lock(3))  # an older one is not told again
        stage.listener.cut()
        await stage.device.until(lambda: stage.device.said)
        assert stage.device.said == [lock(4)]
        assert stage.app.goners == ["lost"]
        assert stage.app.ups == ["dev-1", "dev-1"]


async def test_a_device_forgotten_and_kept_anew_is_not_told_gone() -> None:
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        stage.room.forget("dev-1")
        stage.room.keep("dev-1")
        stage.room.sighted("dev-1", [stage.address])
        await stage.device.until(lambda: stage.device.lost_links and stage.device.links)
        await stage.app.until(lambda: len(stage.app.ups) == 2)
        stage.device.links[0].send(Report("attention", 1, "locked"))
        await stage.app.until(lambda: stage.app.heard_)
        assert stage.app.goners == []


async def test_pictures_come_one_a_credit_and_the_newest_wins() -> None:
    taken: list[int] = []
    async with scene() as stage:
        await stage.device.until(lambda: stage.device.links)
        link = stage.device.links[0]
        link.on_frame_taken(taken.append)
        for number in (1, 2, 3):  # nobody has asked for any yet
            link.offer(frame(number))
        stage.room.declare("dev-1", WatchingDeclared(1, 600, "overview"))
        await stage.device.until(lambda: stage.device.said)
        link.send(WATCHED)
        await stage.app.until(lambda: stage.app.frames)
        link.offer(frame(4))
        await stage.app.until(lambda: len(stage.app.frames) == 2)
        assert stage.app.frames == [frame(3), frame(4)]
        assert taken == [3, 4]
        assert link.pictures.dropped == 2


async def test_a_reader_that_lost_the_picture_asks_by_the_same_look_and_gets_it_whole() -> None:
    async with scene() as stage:
        await stage.device.until(lambda: stage.device.links)
        link = stage.device.links[0]
        look = WatchingDeclared(1, 600, "close")
        stage.room.declare("dev-1", look)
        await stage.device.until(lambda: stage.device.said)
        link.send(WATCHED)
        patch = Patch(32, 32, 8, 8, "jpeg", b"new")
        assert not link.offer(replace(frame(2), patches=(patch,), base=1)), "laid on nothing"
        assert link.offer(frame(3))
        assert link.offer(replace(frame(4), patches=(patch,), base=3))
        await stage.app.until(lambda: stage.app.frames and stage.app.frames[-1].number == 4)
        stage.app.frames.clear()
        stage.room.declare("dev-1", replace(look, lease_seconds=300))
        stage.room.declare("dev-1", replace(look, version=2))
        await stage.app.until(lambda: stage.app.frames)
        (whole,) = stage.app.frames
        assert (whole.number, whole.base, len(whole.patches)) == (4, 0, 2)


async def test_no_picture_leaves_after_the_mandate_ended() -> None:
    taken: list[int] = []
    async with scene() as stage:
        stage.room.declare("dev-1", WatchingDeclared(1, 600, "overview"))
        await stage.device.until(lambda: stage.device.said)
        link = stage.device.links[0]
        link.on_frame_taken(taken.append)
        link.send(WATCHED)
        link.offer(frame(1))
        await stage.app.until(lambda: stage.app.frames)
        stage.earth.boot_now += 3600
        link.offer(frame(2))
        link.on_frame_taken(lambda number: (taken.append(number), stage.device.note())[0])
        await stage.device.until(lambda: taken == [1, 2])
        assert stage.app.frames == [frame(1)]


async def test_a_command_ends_with_its_answer() -> None:
    def shown(link: DeviceLink, message: FromApp) -> None:
        if isinstance(message, MessageSaid):
            link.send(Answer(message.id, "done"))

    async with scene(device=Device(answers=shown)) as stage:
        await stage.app.until(lambda: stage.app.ups)
        said = MessageSaid("m-1", 10, "Page 12, please.")
        assert await stage.room.ask("dev-1", said) == Answer("m-1", "done")


async def test_a_command_nobody_answers_is_late_and_a_cut_link_says_try_again() -> None:
    async with scene() as stage:
        with pytest.raises(TryAgain):
            await stage.room.ask("dev-2", MessageSaid("m-0", 1, "Hello"))
        await stage.app.until(lambda: stage.app.ups)
        assert await stage.room.ask("dev-1", MessageSaid("m-1", 1, "Hi")) == Answer("m-1", "late")

        stage.device.answers = lambda _link, _message: stage.listener.cut()
        with pytest.raises(TryAgain):
            await stage.room.ask("dev-1", MessageSaid("m-2", 60, "Hi"))


async def test_the_bulk_lane_carries_both_ways_on_its_own_connection() -> None:
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        wire = await stage.room.bulk("dev-1")
        await wire.send(b"abc")
        assert await wire.receive() == b"cba"
        assert stage.device.piped == [b"abc"]
        assert await stage.room.bulk("dev-1") is wire


async def test_a_lesson_that_begins_on_a_standing_link_needs_its_mandate_shown() -> None:
    app = App()
    async with scene(app=app) as stage:
        await stage.app.until(lambda: stage.app.ups)
        stage.earth.boot_now += 3600
        stage.room.declare("dev-1", lock(1))
        await stage.app.until(lambda: stage.app.heard_)
        assert stage.app.heard_ == [Refused("lock-declared", "not-allowed", "lesson-ended")]
        app.mandate_ = mandate_for(stage.teacher, name="mandate-2")
        stage.room.show_papers()
        stage.room.declare("dev-1", lock(2))
        await stage.device.until(lambda: len(stage.device.said) == 2)
        assert isinstance(stage.device.said[0], MandateShown)
        assert stage.device.said[1] == lock(2)


async def test_a_mandate_shown_again_on_a_new_link_buys_no_time() -> None:
    earth = Earth()
    async with scene(earth=earth) as stage:
        await stage.device.until(lambda: stage.device.links)
        earth.boot_now += 600
        stage.listener.cut()
        await stage.device.until(lambda: stage.device.lost_links and stage.device.links)
        assert stage.device.links[0].mandate_ends_at == 1000.0 + 3600


async def test_forgetting_a_device_ends_its_link_and_the_device_notices() -> None:
    async with scene() as stage:
        await stage.device.until(lambda: stage.device.links)
        stage.room.forget("dev-1")
        await stage.device.until(lambda: stage.device.lost_links)
        assert stage.device.links == []


async def test_a_listener_and_a_room_end_at_once_when_cancelled() -> None:
    async with running():
        async with scene() as stage:
            await stage.device.until(lambda: stage.device.links)
        assert stage.device.links == []
