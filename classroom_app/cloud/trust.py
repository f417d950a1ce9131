"""What a school signs for everybody, asked so that no deny list is lost on the way.

A server that was set back to a copy of itself has forgotten lists of its own: who holds one brings
it, before it takes the next, which names less.
"""

import logging
from typing import Protocol

from central_mdm.contract.identity import Trust
from classroom_app.cloud.errors import Refused

log = logging.getLogger(__name__)


class AsksTrust(Protocol):
    async def trust(self, deny_list: int, epoch: int) -> Trust: ...
    async def bring_list(self, deny_list: str) -> None: ...


async def trust_since(cloud: AsksTrust, number: int, deny_list: str, epoch: int) -> Trust:
    """Return what is newer than the list `deny_list`, which is of that number, and that epoch.

    Raises CloudError.
    """
    told = await cloud.trust(number, epoch)
    if not (told.lost_list and deny_list):
        return told
    try:
        await cloud.bring_list(deny_list)
    except Refused as error:  # of another root, say
        log.warning("deny list not taken back", extra={"why": error.code})
    return await cloud.trust(number, epoch)
