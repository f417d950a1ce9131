"""What a teacher's app keeps of itself and its school, as tests need it."""

from classroom_app.papers import SignedPapers
from device_bridge.trust.identity import Identity, key_to_pem
from tests.school import SmallSchool


def signed_papers(
    school: SmallSchool,
    identity: Identity,
    *,
    name: str = "teacher-1",
    teacher_name: str = "Ms Vidal",
    grant: str = "",
    server: str = "https://school.test",
) -> SignedPapers:
    return SignedPapers(
        server=server,
        school=school.id,
        school_name="Test school",
        teacher=name,
        teacher_name=teacher_name,
        key=key_to_pem(identity.key).decode(),
        certificate=identity.certificate_pem.decode(),
        root=school.school.root_pem.decode(),
        grant=grant,
        discovery=school.discovery,
    )
