"""What the teacher's side believes of a withdrawn hand-out, device by device."""

from concurrent.futures import Executor
from pathlib import Path
from typing import cast

from classroom_app.domain.acts import Declared, HandOut
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.materials import Held, Materials
from device_bridge.protocol.hello import Welcome
from device_bridge.protocol.materials import MaterialReport, MaterialsDeclared
from device_bridge.protocol.messages import encode
from tests.cart import LINA, ONE, TWO, Cart


class NoLibrary:
    def keep(self, path: Path) -> Held:
        raise AssertionError(path)

    def renew(self, document: bytes) -> Held:
        raise AssertionError(document)


class NoWay:
    def wanted(self, device: DeviceId) -> None: ...


class Written(dict[DeviceId, MaterialsDeclared]):
    """What the store has of earlier lessons."""

    async def last_declared(self, device: DeviceId, feature: str) -> Declared | None:
        told = self.get(device)
        return Declared(device, feature, told.version, encode(told)) if told else None


def given(cart: Cart, written: Written | None = None) -> Materials:
    """Make the feature with one paper that both devices were given."""
    recalls = Written() if written is None else written
    materials = Materials(cart.room, NoLibrary(), NoWay(), cast("Executor", None), recalls)
    materials.handouts["h1"] = HandOut("h1", bytes(32), "plan.pdf", 7, True, (LINA,))  # noqa: FBT003
    materials.scopes["h1"] = {ONE, TWO}
    return materials


async def test_it_is_named_to_each_device_and_only_the_devices_say_what_became_of_it() -> None:
    cart = Cart()
    materials = given(cart)
    cart.room.came = {ONE, TWO}
    await materials.take(TWO, MaterialReport("h1", 1, "opened"))
    await materials.withdraw("h1")
    told = cart.devices.declared[ONE][-1]
    assert isinstance(told, MaterialsDeclared)
    assert (told.documents, told.withdrawn) == ((), ("h1",))
    assert materials.became("h1") == {ONE: "", TWO: "opened"}
    await materials.take(ONE, MaterialReport("h1", 2, "withdrawn"))
    assert materials.became("h1") == {ONE: "withdrawn", TWO: "opened"}


async def test_what_an_older_agent_calls_withdrawn_after_it_was_opened_stays_opened() -> None:
    cart = Cart()
    materials = given(cart)
    await materials.take(ONE, MaterialReport("h1", 1, "opened"))
    await materials.withdraw("h1")
    await materials.take(ONE, MaterialReport("h1", 2, "withdrawn"))
    assert materials.became("h1") == {ONE: "opened"}
    assert len(cart.journal.acts) == 2


async def test_who_never_came_never_had_it() -> None:
    cart = Cart()
    materials = given(cart)
    cart.room.came = {ONE}
    await materials.withdraw("h1")
    assert materials.became("h1") == {ONE: ""}


async def test_what_was_withdrawn_in_an_earlier_lesson_is_told_in_the_next_one() -> None:
    """Also after a restart: whoever was away then gives it back when it comes."""
    cart = Cart()
    earlier = MaterialsDeclared(7, "earlier", (), ("h0",))
    cart.room.declared[ONE, "materials"] = earlier
    materials = given(cart, Written({TWO: earlier}))
    materials.began(None)
    welcome = Welcome(1, TWO, "boot", "agent", "linux", bytes(32), bytes(16))
    for _ in range(2):
        await materials.take(TWO, welcome)
    for device in (ONE, TWO):
        (told,) = cart.devices.declared[device]
        assert isinstance(told, MaterialsDeclared)
        assert (told.lesson, told.documents, told.withdrawn) == ("l", (), ("h0",))
    materials = given(cart)
    await materials.withdraw("h1")
    told = cart.devices.declared[ONE][-1]
    assert isinstance(told, MaterialsDeclared)
    assert told.withdrawn == ("h0", "h1")
