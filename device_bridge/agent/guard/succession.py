"""Following the school to its new root: whole on the disk before it is used.

First the root, by which the old one ends at once; then, with it or later, a certificate for this
device's key under the new one. Between the two nobody links, but what is carried is still heard.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import (
    Enrolment,
    check_given,
    own_key,
    read_enrolment,
    read_school,
    write_school,
)
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.trust.identity import write_private
from device_bridge.trust.succession import Line


def follow(
    folder: Folder, successions: Sequence[str], certificate: str = "", assignment: str = ""
) -> Enrolment | None:
    """Take newer successions, and own papers under the root that then holds; None: nothing is new.

    Blocks for a few small files, once in years. Raises NotAllowed("succession" or "certificate",
    why) where nothing of it is good; what was taken before stays taken.
    """
    newer = _take_root(folder, successions)
    try:
        newer = _take_papers(folder, certificate, assignment) or newer
    except (NotPaired, NotAllowed) as error:
        if not newer:
            raise NotAllowed("certificate", "another-device") from error
    return read_enrolment(folder) if newer else None


def pin_standby(folder: Folder, named: str) -> None:
    """Pin the standby that the school has got since this device joined. It blocks.

    Raises NotAllowed("standby", why) where the root of now has not named it, or one is pinned.
    """
    held, kept = read_enrolment(folder), read_school(folder)
    line = Line(held.school, kept.standby, kept.epoch).named(named)
    write_school(folder, replace(kept, standby=line.standby))


def _take_root(folder: Folder, successions: Sequence[str]) -> bool:
    held, kept = read_enrolment(folder), read_school(folder)
    line = Line(held.school, kept.standby, kept.epoch)
    after = line.after_all(successions)
    if after.epoch == line.epoch:
        return False
    write_school(
        folder,
        replace(
            kept,
            root=after.school.root_pem.decode(),
            standby=after.standby,
            epoch=after.epoch,
            before=kept.before if held.outdated else kept.root,
            discovery="",  # whoever has the old root's key may know it
        ),
    )
    return True


def _take_papers(folder: Folder, certificate: str, assignment: str) -> bool:
    if not (certificate and read_enrolment(folder).outdated):
        return False
    check_given(own_key(folder), read_school(folder), certificate, assignment)
    write_private(folder.certificate, certificate.encode())
    if assignment:
        write_private(folder.assignment, assignment.encode())
    return True
