"""Who asks which route of the central MDM in tests, with the duty that it wants."""

from typing import Final

from central_mdm.fleet.ended import keep_person
from central_mdm.identity.people import Person
from central_mdm.identity.rules import open_school
from central_mdm.identity.tokens import issue_pair
from central_mdm.platform.ground import Ground

REGION: Final = "region-north"
ASKED_BY: Final = (
    ("/api/check-in", "device"),
    ("/api/reports", "device"),
    ("/api/receipts", "device"),
    ("/api/fleet/", "administrator"),
    ("/api/second-factor", "first"),
    ("/api/audit", "administrator"),
    ("/api/admin/", "administrator"),
    ("/api/region", "region"),
)


def asker_of(route: str) -> str:
    """Return who may ask a route: device, teacher, administrator, first (no code yet), region."""
    return next((who for part, who in ASKED_BY if part in route), "teacher")


async def administrators(ground: Ground, school: str, region: str = REGION) -> dict[str, str]:
    """Add who administrates a school and a region; return their tokens, one lacks the code."""
    made: dict[str, str] = {}
    await open_school(ground, region, "The north", kind="region")
    for who, where, role in (
        ("administrator", school, "administrator"),
        ("first", school, "administrator"),
        ("region", region, "region"),
    ):
        await keep_person(ground, where, Person(f"a-{who}", who, who, role), "")
        second = who != "first"
        async with ground.database.writing(where) as connection:
            pair = await issue_pair(connection, ground, where, f"a-{who}", who, second=second)
        made[who] = pair.token
    return made
