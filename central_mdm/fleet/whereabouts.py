"""Where the devices of a class are: what they said when they last came, for their teachers only."""

from msgspec import json
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.fleet import Inventory, Whereabout, Whereabouts
from central_mdm.fleet.model import inventories, seen
from central_mdm.identity.model import certificates
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import NotAllowed
from central_mdm.roster.model import placements
from central_mdm.roster.reading import classes_now


async def whereabouts(
    connection: AsyncConnection, caller: Caller, class_id: str, now: int
) -> Whereabouts:
    """Tell of each device of the class when it came last. Raises NotAllowed for another's class."""
    classes, _ = await classes_now(connection, caller.school, caller.id, now)
    if class_id not in classes:
        raise NotAllowed("foreign-class", "This teacher does not have that class.")
    of_it = (placements.c.school == seen.c.school) & (placements.c.device == seen.c.device)
    told = (inventories.c.school == seen.c.school) & (inventories.c.device == seen.c.device)
    ends_at = select(func.max(certificates.c.ends_at)).where(
        certificates.c.school == seen.c.school,
        certificates.c.role == "device",
        certificates.c.party == seen.c.device,
    )
    wanted = (
        select(
            seen.c.device,
            seen.c.seen_at,
            inventories.c.body,
            ends_at.scalar_subquery().label("ends_at"),
        )
        .join(placements, of_it)
        .join(inventories, told)
        .where(placements.c.school == caller.school, placements.c.class_id == class_id)
        .order_by(seen.c.device)
    )
    rows = (await connection.execute(wanted)).all()
    return Whereabouts(
        tuple(
            Whereabout(row.device, max(0, now - row.seen_at), _networks(row.body), row.ends_at or 0)
            for row in rows
        )
    )


def _networks(body: bytes) -> str:
    return json.decode(body, type=Inventory).networks
