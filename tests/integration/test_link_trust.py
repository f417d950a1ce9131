"""What the school signs for everybody reaches devices with any app; orders are good once, here."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import NotPaired
from device_bridge.protocol.hello import Carried, Hello, NotUnderstood, Order, Refused, Welcome
from device_bridge.protocol.messages import encode
from device_bridge.session.wire import HungUp, Lane, WireEnded
from device_bridge.trust.identity import Identity
from tests.attack.dialling import answered, dialled
from tests.linked import App, Scene, room_for, running, scene
from tests.orders import Orders
from tests.school import mandate_for

pytestmark = pytest.mark.real_loop
ENDS = (HungUp, NotPaired, WireEnded)
LOCK = LockDeclared(1, locked=True, lease_seconds=600)


def ends_of(identity: Identity) -> float:
    return identity.certificate.not_valid_after_utc.timestamp()


def hello(stage: Scene) -> Hello:
    return Hello(1, 1, "x", stage.school.grant(stage.teacher), mandate_for(stage.teacher))


@asynccontextmanager
async def greeted(stage: Scene) -> AsyncGenerator[tuple[Lane, Orders]]:
    """Link a second time as the scene's teacher, by hand."""
    lane = await dialled(stage)
    welcome = await answered(lane, hello(stage))
    assert isinstance(welcome, Welcome)
    yield lane, Orders(welcome)
    await lane.close()


async def test_a_colleagues_app_carries_the_list_that_ends_a_stolen_laptop() -> None:
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        name = "teacher-2"
        colleague = stage.school.identity("teacher", name)
        told = stage.school.deny_list(1, stage.teacher)
        app = App(
            grant_=stage.school.grant(colleague, name=name, deny_list=1),
            mandate_=mandate_for(colleague, grant=f"grant-{name}", lesson="lesson-2"),
            deny_list=told,
        )
        room = room_for(stage.school, colleague, app)
        room.keep("dev-1")
        async with running(room):
            room.sighted("dev-1", [stage.address])
            await app.until(lambda: app.ups)  # under a grant that names the list it brought
            await stage.device.until(lambda: stage.device.ended)
            await stage.app.until(lambda: "not-paired" in stage.app.goners)
            assert stage.device.deny_lists == [told]
            room.declare("dev-1", LOCK)
            await stage.device.until(lambda: stage.device.said)
            assert stage.device.said == [LOCK]


async def test_a_list_that_comes_in_mid_lesson_goes_to_all_that_are_linked() -> None:
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        stranger = stage.school.identity("teacher", "teacher-9")
        told = stage.school.deny_list(1, stranger)
        assert stage.app.deny_lists.take(told)
        stage.room.carry()
        stage.room.carry()  # once is enough
        await stage.device.until(lambda: stage.device.deny_lists)
        stage.room.declare("dev-1", LOCK)
        await stage.device.until(lambda: stage.device.said)
        assert stage.device.deny_lists == [told]
        with pytest.raises(ENDS):
            await dialled(stage, stranger)


async def test_a_device_on_the_list_is_not_linked_any_more() -> None:
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        assert stage.app.deny_lists.take(stage.school.deny_list(1, stage.identity))
        stage.room.carry()
        await stage.app.until(lambda: "not-paired" in stage.app.goners)
        assert stage.app.ups == ["dev-1"]


async def test_a_list_of_another_school_is_refused_and_the_link_goes_on() -> None:
    async with scene() as stage, greeted(stage) as (lane, orders):
        foreign = type(stage.school)().deny_list(9, stage.teacher)
        said = await answered(lane, orders.order(Carried(foreign)))
        assert said == Refused("carried", "not-allowed", "forged")
        await lane.send(encode(orders.order(LOCK)))
        await stage.device.until(lambda: stage.device.said)


async def test_a_renewed_certificate_is_shown_from_the_next_connection_on() -> None:
    async with scene() as stage, greeted(stage) as (lane, orders):
        assert lane.peer.ends_at == ends_of(stage.identity)
        key = stage.identity.key
        renewed = stage.school.identity("device", "dev-1", days=399, key=key)
        stage.listener.renew(renewed)
        await lane.send(encode(orders.order(LOCK)))
        await stage.device.until(lambda: stage.device.said)
        async with greeted(stage) as (later, _):
            assert later.peer.ends_at == ends_of(renewed) > lane.peer.ends_at


@pytest.mark.parametrize("how", ["twice", "out of turn", "another link", "bare"])
async def test_an_order_that_is_not_the_next_of_this_link_ends_it(how: str) -> None:
    async with scene() as stage, greeted(stage) as (lane, orders):
        good: Order = orders.order(LOCK)
        match how:
            case "twice":
                await lane.send(encode(good))
                await stage.device.until(lambda: stage.device.said)
                told = encode(good)
            case "out of turn":
                told = encode(orders.order(LOCK))
            case "another link":
                told = encode(replace(good, nonce=bytes(16)))
            case _:
                told = encode(LOCK)
        await lane.send(told)
        if how == "bare":
            assert await answered(lane) == NotUnderstood("lock-declared")
            return
        await stage.device.until(lambda: stage.device.lost_links)
        assert stage.device.suspicions == ["replay"]
        assert len(stage.device.said) == (how == "twice")


async def test_an_order_under_another_mandate_is_refused() -> None:
    async with scene() as stage, greeted(stage) as (lane, orders):
        orders.mandate = "mandate-of-yesterday"
        said = await answered(lane, orders.order(LOCK))
        assert said == Refused("lock-declared", "not-allowed", "another-mandate")
        assert (stage.device.said, stage.device.suspicions) == ([], ["another-mandate"])
