"""Show a picture on a device without a token, with another's, without the verb or the mandate."""

import asyncio
import io
import random
from typing import Final

from msgspec import Struct
from PIL import Image

from central_mdm.contract.grants import Verb
from device_bridge.protocol.hello import LaneHello, Refused, Report
from device_bridge.protocol.messages import decode_showing_from_device, encode
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.showing import ShowingDeclared, StillShowing
from device_bridge.session.wire import Lane
from tests.attack.by_hand import ByHand, by_hand
from tests.attack.dialling import ENDS, LetIn, Target, dialled
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack
from tests.attack.seat import sitting
from tests.school import VERBS

DEAF_SECONDS: Final = 1.0
SHOW: Final = ShowingDeclared(7, 600, on=True, stream=7, width=64, height=48)


def picture(number: int = 1, stream: int = 7) -> Frame:
    made = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(made, "JPEG")
    return Frame(number, stream, 64, 48, 64, 48, covering(made.getvalue(), 64, 48))


async def no_lane(target: Target, *first: Struct) -> None:
    """Open `/showing` by these words; the device has to end it."""
    lane = await dialled(target, target.school.identity("teacher", "teacher-31"), "/showing")
    try:
        for word in first:
            await lane.send(encode(word))
        async with asyncio.timeout(10):
            while isinstance(decode_showing_from_device(await lane.receive()), Refused):
                pass
    except ENDS:
        return
    finally:
        lane.abort()
    raise LetIn(f"a lane was opened by {first[0]}")


async def refused(app: ByHand, why: str) -> None:
    """Declare a show and send a picture of it all the same."""
    await app.say(SHOW)
    said = await app.hears(
        lambda one: isinstance(one, Refused) or (isinstance(one, Report) and one.version == 7)
    )
    if not isinstance(said, Refused) or said.reason != why:
        raise LetIn(f"a show was answered by {said}")
    lane = await app.lane("/showing")
    await lane.send(encode(picture()))
    await deaf(lane)
    lane.abort()


async def deaf(lane: Lane) -> None:
    """See that no credit but the first comes back."""
    await lane.receive()
    try:
        async with asyncio.timeout(DEAF_SECONDS):
            await lane.receive()
    except TimeoutError:
        return
    except ENDS:
        return


async def hostile(target: Target, chance: random.Random) -> str:
    try:
        await _shows(target, chance)
    except ENDS as error:
        raise LetIn(f"cut off before all was tried: {error!r}") from error
    return "cut off four times without a token of one's own; refused: verb, verb, device, no-lesson"


async def _shows(target: Target, chance: random.Random) -> None:
    await no_lane(target, picture())
    await no_lane(target, StillShowing())
    await no_lane(target, LaneHello(chance.randbytes(32)), picture())
    less: tuple[Verb, ...] = tuple(verb for verb in VERBS if verb != "message")
    async with by_hand(target, "teacher-32") as honest:
        await no_lane(target, LaneHello(honest.welcome.lane_token), picture())
        await honest.begins()
    async with by_hand(target, "teacher-33", verbs=less) as app:
        await refused(app, "verb")
    async with by_hand(target, "teacher-34", of_mandate=less) as app:
        await refused(app, "verb")
    async with by_hand(target, "teacher-35", devices=("dev-2",)) as app:
        await refused(app, "device")
    async with by_hand(target, "teacher-36") as app:
        await app.say(SHOW)
        if await app.reported("showing", 7) != [("failed", "no-lesson")]:
            raise LetIn("a show began outside its lesson")


async def run(ground: Ground, name: str) -> str:
    async with (
        guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard,
        sitting(ground, guard.folder),
    ):
        seen = await ground.hostile(name, guard)
        told = set((ground.folder / "seat").read_text().split())
    if told & {"ShowScreen", "Frame"}:
        raise Owed(f"the seat was told {sorted(told)}")
    if "ShowIndicator" not in told or guard.bugs():
        raise Owed(f"nobody sat there, or {guard.bugs()[:3]}")
    return f"{seen}; the seat heard of no show"


ATTACK: Final = Attack(
    "no_right_to_show",
    (),
    "shows a picture without a token of its own, without the verb, the mandate, a lesson",
    hostile,
    run,
    every_time=False,
)
