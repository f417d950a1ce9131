"""The first check-ins of a Monday: every pass has ended, so each device shows its key first.

Three requests of a device, one after the other on a connection that is kept: a check-in that is
refused, the proof of its key, the check-in by the new pass; how long it takes is all three. First
as many as go with `AT_ONCE` devices at a time, then `OFFERED` a second at their own moments. Keys
are made and nonces signed before the clock starts: a server's nonce is good for five minutes, and
the generator has no core of its own.
"""

import hashlib
import random
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct, json

from central_mdm.contract.fleet import PROOF_TYPE, KeyShown, Passed, Proof
from central_mdm.identity.certificates import thumbprint_of
from central_mdm.identity.statements import sign
from central_mdm.load.running import each_of
from central_mdm.load.tally import OK, Tally, offer
from central_mdm.load.target import loopback
from central_mdm.load.wire import Answer, Lines, request
from central_mdm.platform.keys import FolderKeys
from central_mdm.platform.passes import MARK_CHARS, Pass, new_nonce, write_pass
from tests.benchmarks.region import IDLE, Region, device_name, school_name, secret_hash
from tests.postgres import superuser

DEVICES: Final = 4000
OFFERED: Final = 500_000 / 600
"""A second: a region within the first ten minutes, of which its server tells."""
OFFERED_SECONDS: Final = 4
MOST_SECONDS: Final = 4
AT_ONCE: Final = 64
_passed: Final = json.Decoder(Passed)


class Waking(Struct, frozen=True):
    """What a device asks first, and the proof that it shows then."""

    check_in: bytes
    proof: bytes

    async def come(self, lines: Lines) -> Answer:
        """Ask all three; return the last answer, or the one that is not as it should be."""
        answer = await lines.ask(self.check_in)
        if not answer.field("replay-nonce"):
            raise OSError("no nonce")
        answer = await lines.ask(self.proof)
        if answer.status != OK:
            return answer
        token = _passed.decode(answer.body).token
        return await lines.ask(request("POST", "/api/check-in", token, IDLE))


def first_check_ins(url: str, folder: Path, region: Region) -> dict[str, float]:
    """Let devices of the region that lies in `folder` come first at the server that serves it."""
    drawn = random.Random(9).sample(range(region.devices), min(DEVICES, region.devices))  # noqa: S311
    devices = [(number % region.schools + 1, number // region.schools + 1) for number in drawn]
    certify(folder, region, devices)
    key = FolderKeys(folder / "server/keys").passes()
    return uvloop.run(_measured(url, [waking(key, *each) for each in devices]))


async def _measured(url: str, devices: list[Waking]) -> dict[str, float]:
    lines, most = Lines(await loopback(url)), Tally()
    begun = time.perf_counter()
    some = takewhile(lambda _: time.perf_counter() < begun + MOST_SECONDS, devices)
    await each_of(most, (one.come(lines) for one in some), AT_ONCE)
    took = time.perf_counter() - begun
    offered = await offer(OFFERED, OFFERED_SECONDS, lambda n: devices[n % len(devices)].come(lines))
    lines.close()
    told, due = offered.figures(OFFERED_SECONDS), offered.sent + offered.unsent
    return {
        "first_check_ins_per_second": len(most.seconds) / took,
        "first_check_in_ms_p50": told.p50_ms,
        "first_check_in_ms_p99": told.p99_ms,
        "first_check_ins_offered_per_second": OFFERED,
        "first_check_ins_not_accepted": most.sent - len(most.seconds) + due - told.accepted,
    }


def certify(folder: Path, region: Region, devices: Sequence[tuple[int, int]]) -> None:
    """Have these certified with keys that are known here; asked again, they are the same."""
    names = [device_name(*each) for each in devices]
    schools = [school_name(school) for school, _ in devices]
    marks = [thumbprint_of(key_of(name).public_key()) for name in names]
    with superuser(folder / "cluster", region.name) as connection:
        connection.execute(
            "UPDATE certificates c SET thumbprint = t.thumbprint "
            "FROM unnest(%s::text[], %s::text[], %s::text[]) AS t (school, party, thumbprint) "
            "WHERE c.school = t.school AND c.serial = t.party AND c.thumbprint <> t.thumbprint",
            (schools, names, marks),
        )
        connection.execute("VACUUM ANALYZE certificates")


def waking(key: bytes, school: int, number: int) -> Waking:
    now, name, device = int(time.time()), school_name(school), device_name(school, number)
    ended = write_pass(key, name, Pass(device, secret_hash(device)[:MARK_CHARS], now - 1))
    own = key_of(device)
    shown = sign(own, PROOF_TYPE, KeyShown(name, device, new_nonce(key, now)))
    proof = Proof(name, own.public_key().public_bytes_raw().hex(), shown)
    return Waking(
        request("POST", "/api/check-in", ended, IDLE),
        request("POST", "/api/proofs", body=json.encode(proof)),
    )


def key_of(device: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(device.encode()).digest())
