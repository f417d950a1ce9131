"""The school's new root in the teacher's papers, and what reaches devices that lack it."""

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import asdict, replace

from central_mdm.contract.sealed import Former
from central_mdm.contract.succession import SUCCESSIONS_MAX
from classroom_app.papers import Papers, SignedPapers
from device_bridge.session.carry_over import Heir
from device_bridge.trust.identity import Identity, School, key_of_pem
from device_bridge.trust.succession import Line

Certify = Callable[[str, Ed25519PublicKey], tuple[str, str]]


def certify_none(device: str, key: Ed25519PublicKey) -> tuple[str, str]:
    """Sign for nobody: the school's key is the server's."""
    del device, key
    return "", ""


def followed(signed: SignedPapers, successions: Sequence[str]) -> SignedPapers:
    """Return the papers after `successions`: where the root is new, without a certificate.

    Raises NotAllowed("succession", why).
    """
    line = Line(School.pin(signed.school, signed.root.encode()), signed.standby, signed.epoch)
    after = line.after_all(successions)
    if after.epoch == line.epoch:
        # Known already: they came to be carried to the devices.
        return replace(signed, successions=joined(signed.successions, successions))
    return replace(
        signed,
        root=after.school.root_pem.decode(),
        standby=after.standby,
        epoch=after.epoch,
        successions=joined(signed.successions, successions),
        former=(former_of(signed), *signed.former)[:SUCCESSIONS_MAX],
        certificate="",
        grant="",
        deny_list="",
        discovery="",
    )


def differences(before: SignedPapers, after: SignedPapers) -> dict[str, object]:
    """Name what is other in `after`, with its value there."""
    had, has = asdict(before), asdict(after)
    return {name: value for name, value in has.items() if value != had[name]}


def former_of(signed: SignedPapers) -> Former:
    return Former(signed.root, signed.key, signed.certificate)


def heir_to(signed: SignedPapers, before: SignedPapers | None) -> SignedPapers:
    """Give fresh papers what those `before` them can still reach by roots that have ended."""
    if before is None or before.school != signed.school:
        return signed
    former = before.former
    if before.root != signed.root and before.certificate:
        former = (former_of(before), *former)[:SUCCESSIONS_MAX]
    return replace(signed, former=former, successions=before.successions, floor=before.floor)


def joined(held: Sequence[str], told: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*held, *told)))[-SUCCESSIONS_MAX:]


class Heritage:
    """What a room carries to devices of before (`device_bridge.session.carry_over.Inherits`).

    `certify` signs for a device by id and key, where the school's own key is here.
    """

    def __init__(self, papers: Papers, certify: Certify) -> None:
        self._papers, self._certify = papers, certify

    @property
    def epoch(self) -> int:
        return len(self.successions) and self._papers.signed.epoch

    @property
    def successions(self) -> tuple[str, ...]:
        return self._papers.signed.successions

    def papers_for(self, device: str, key: Ed25519PublicKey) -> tuple[str, str]:
        return self._certify(device, key)

    def heirs(self) -> Sequence[Heir]:
        signed = self._papers.signed
        return [
            Heir(
                Identity.of(key_of_pem(one.key.encode()), one.certificate.encode()),
                School.pin(signed.school, one.root.encode()),
            )
            for one in signed.former
            if one.certificate
        ]
