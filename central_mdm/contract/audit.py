"""The audit: which administrative acts were done, by whom and from where."""

from msgspec import Struct

from central_mdm.contract.names import Count


class Act(Struct, frozen=True):
    """`who`: `person:<id>`, `visitor:<region>/<id>` or `console:<user of the server's machine>`.

    Root's is followed by ` by sudo of <user>` where sudo says so.
    `act` is a route, a command or a word; `object` the ids it acts on. `detail` begins with
    `refused: ` and a code where nothing was done; all others were done. What is too long for either
    ends with `… <words> in all, blake3 <hash>`: of all of it in UTF-8, the first 32 digits in hex.
    `session` is what of one sign-in belongs together. `mark` is BLAKE3, in hex, over the mark of
    the act before and all of this one: whoever changes or removes one has to change all that
    follow, and the last mark is known elsewhere.
    """

    number: Count
    at: Count
    who: str
    role: str
    session: str
    act: str
    object: str
    detail: str
    mark: str


class Acts(Struct, frozen=True):
    """GET /api/audit?before=: the newest first; ask on with the lowest number of these."""

    acts: tuple[Act, ...]
    more: bool = False
