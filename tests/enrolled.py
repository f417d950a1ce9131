"""A device's folder as enrolment and some lessons leave it."""

from pathlib import Path

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import SchoolKept, keep_given
from device_bridge.trust.identity import Identity, key_to_pem, write_private
from tests.school import SmallSchool

DEVICE = "dev-1"


def folder_of(path: Path, school: SmallSchool, identity: Identity, device: str = DEVICE) -> Folder:
    """Write what an enrolment keeps, and what lessons leave beside it."""
    folder = Folder(path)
    folder.make()
    write_private(folder.key, key_to_pem(identity.key))
    given = SchoolKept(school.id, "School", device, school.school.root_pem.decode())
    keep_given(folder, given, identity.certificate_pem.decode(), school.assignment(device))
    write_private(folder.fleet, b'{"server":"http://mdm","token":"d.x.school-1"}')
    for path_ in (folder.state, folder.state_lasting, folder.journal, folder.personal):
        write_private(path_, b"{}")
    lesson = folder.hand_in_of("lesson-1", "5B")
    lesson.mkdir()
    (lesson / "essay.odt").write_bytes(b"mine")
    (folder.received / "paper.pdf").write_bytes(b"theirs")
    (folder.root / "state.broken").write_bytes(b"half")
    return folder
