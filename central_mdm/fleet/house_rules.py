"""What a school rules for all its devices: where they are found, and what may be private."""

import ipaddress
import re
from typing import Final

from msgspec import Struct, convert, structs
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.grants import (
    CLOSE_SECONDS,
    CLOSE_SECONDS_MAX,
    NETWORKS_MAX,
    PRIVATE_SECONDS_MAX,
    Assignment,
)
from central_mdm.fleet.groups import devices_of, raise_wanted
from central_mdm.fleet.model import house_rules
from central_mdm.identity.rules import one_by_one
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed
from central_mdm.roster.model import devices as roster_devices
from central_mdm.roster.rules import hold_rows, next_assignment

_HARDWARE: Final = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_MOST: Final = (
    f"A school has at most {NETWORKS_MAX} ranges and as many routers, {PRIVATE_SECONDS_MAX // 60} "
    f"minutes for what is private, and 1 to {CLOSE_SECONDS_MAX // 60} to look closely."
)


class HouseRules(Struct, frozen=True):
    """As `contract.grants.Assignment` has them; without any: found everywhere, nothing private."""

    networks: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    private_seconds: int = 0
    close_seconds: int = CLOSE_SECONDS


async def read_house_rules(connection: AsyncConnection, school: str) -> HouseRules:
    wanted = select(house_rules).where(house_rules.c.school == school)
    row = (await connection.execute(wanted)).first()
    if row is None:
        return HouseRules()
    return HouseRules(
        tuple(row.networks.split()),
        tuple(row.gateways.split()),
        row.private_seconds,
        row.close_seconds,
    )


async def keep_house_rules(
    connection: AsyncConnection, school: str, rules: HouseRules, now: int
) -> None:
    """Let them hold: each device gets them signed at its next check-in, or by a teacher's app.

    Raises Malformed.
    """
    rules = _checked(rules)
    facts = {
        "networks": " ".join(rules.networks),
        "gateways": " ".join(rules.gateways),
        "private_seconds": rules.private_seconds,
        "close_seconds": rules.close_seconds,
    }
    kept = upsert(connection, house_rules).values({"school": school, **facts})
    await connection.execute(kept.on_conflict_do_update(index_elements=["school"], set_=facts))
    all_ = roster_devices.c.school == school
    await hold_rows(connection, school)
    await connection.execute(
        update(roster_devices).where(all_).values(assignment_version=next_assignment(now))
    )
    await one_by_one(connection, school)
    await raise_wanted(connection, school, await devices_of(connection, school, "school", ""), now)


def _checked(rules: HouseRules) -> HouseRules:
    """Write ranges as everybody does, and look whether a device could read them."""
    networks = tuple(map(_network, rules.networks))
    gateways = tuple(map(_gateway, rules.gateways))
    try:
        told = {"device": "d", "school": "s", "version": 0, "classes": (), "issued_at": 0}
        checked = structs.replace(rules, networks=networks, gateways=gateways)
        convert(told | structs.asdict(checked), Assignment)
    except ValueError as error:
        raise Malformed("house-rules", _MOST) from error
    return checked


def _network(said: str) -> str:
    try:
        return str(ipaddress.ip_network(said, strict=False))
    except ValueError:
        raise Malformed(
            "house-rules", f"{said} is no range of addresses, 10.0.0.0/16 say."
        ) from None


def _gateway(said: str) -> str:
    address = said.lower().replace("-", ":")
    if not _HARDWARE.fullmatch(address):
        raise Malformed("house-rules", f"{said} is no hardware address, 02:00:5e:10:00:01 say.")
    return address
