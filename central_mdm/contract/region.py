"""What the people of a region do with its schools: list, open and enter them."""

from msgspec import Struct

from central_mdm.contract.names import Count, Id, Name


class School(Struct, frozen=True):
    school: Id
    name: Name


class Schools(Struct, frozen=True):
    """GET /api/region/schools?after=: `more` asks on, with the last one's id."""

    schools: tuple[School, ...]
    more: bool = False


class Entered(Struct, frozen=True):
    """POST /api/region/schools/{member}/visits: an administrator's token of that school only."""

    token: str
    token_seconds: Count
