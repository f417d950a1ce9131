"""Offer what was good enough years ago: TLS 1.2, TLS 1.3 with no protocol version we speak."""

import random
import ssl
from contextlib import suppress
from typing import Final

from device_bridge.protocol.hello import Hello, Refused
from device_bridge.session.dial import judge_device
from device_bridge.session.wire import dial_lane
from device_bridge.trust.identity import dialler_context
from tests.attack.dialling import ENDS, LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.teaching import now


async def hostile(target: Target, _: random.Random) -> str:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1):
        context = dialler_context(target.teacher, target.school.school)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
        judge = judge_device("dev-1", target.school.school, now())
        with suppress(*ENDS):
            lane = await dial_lane(target.address, "/control", context, judge)
            await lane.close()
            raise LetIn(f"{version.name} was spoken")
    grant = target.school.grant(target.teacher, issued_at=now())
    lane = await dialled(target)
    try:
        said = await answered(lane, Hello(0, 0, "x", grant))
    finally:
        await lane.close()
    if said != Refused("hello", "too-old"):
        raise LetIn(f"protocol version 0 was answered by {type(said).__name__}")
    return "TLS 1.1 and 1.2 closed; version 0 is too old"


ATTACK: Final = Attack(
    "a_downgrade",
    (5,),
    "offers TLS 1.2, and a protocol version of 0",
    hostile,
    every_time=False,
)
