"""The audit: which administrative acts were done, by whom and from where."""

from msgspec import Struct

from central_mdm.contract.names import Count


class Act(Struct, frozen=True):
    """One act, refused or done, by one who administrates.

    `who`: `person:<id>`, `visitor:<region>/<id>` or `console:<user of the server's machine>`, of
    root with ` by sudo of <user>` behind it where sudo says so.
    `act` is a route, a command or a word; `object` the ids it acts on. `detail` begins with
    `refused: ` and a code where nothing was done; all others were done.
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
