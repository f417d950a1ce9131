"""What the teacher's side believes of a withdrawn hand-out, device by device."""

from concurrent.futures import Executor
from pathlib import Path
from typing import cast

from classroom_app.domain.acts import HandOut
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.materials import Held, Materials
from device_bridge.protocol.materials import MaterialReport, MaterialsDeclared
from tests.cart import LINA, ONE, TWO, Cart


class NoLibrary:
    def keep(self, path: Path) -> Held:
        raise AssertionError(path)


class NoWay:
    def wanted(self, device: DeviceId) -> None: ...


def given(cart: Cart) -> Materials:
    """Make the feature with one paper that both devices were given."""
    materials = Materials(cart.room, NoLibrary(), NoWay(), cast("Executor", None))
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
