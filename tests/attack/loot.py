"""What an attacker is given to attack with: where its target is, and whatever it may have stolen.

The school's own key is among it, for attacks forge papers of all kinds: ended, another's, too wide.
An attack that uses it says so; no attacker has it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from device_bridge.trust.identity import Identity, School, key_of_pem, key_to_pem
from tests.attack.dialling import Target
from tests.school import SmallSchool, now


@dataclass(frozen=True)
class Loot:
    """A `Target`, read from a file in the attacker's process.

    `told`: what else it knows; where the guard's folder is, always.
    """

    school: SmallSchool
    teacher: Identity
    address: tuple[str, int]
    told: Mapping[str, str] = field(default_factory=dict[str, str])


def write_loot(path: Path, target: Target, told: Mapping[str, str] | None = None) -> None:
    teacher = target.teacher
    written = {
        "school": target.school.id,
        "root": target.school.school.root_pem.decode(),
        "school_key": key_to_pem(target.school.key).decode(),
        "teacher_key": key_to_pem(teacher.key).decode(),
        "teacher_certificate": teacher.certificate_pem.decode(),
        "address": target.address,
        "told": {"folder": str(getattr(target, "folder", "")), **(told or {})},
    }
    path.write_text(json.dumps(written))


def told_of(target: Target) -> Mapping[str, str]:
    """Return what the attack's own `run` has let its attacker know, and the guard's "folder"."""
    assert isinstance(target, Loot)
    return target.told


def read_loot(path: Path) -> Loot:
    told = json.loads(path.read_text())
    school = SmallSchool(told["school"], key_of_pem(told["school_key"].encode()), now=now())
    school.school = School(told["school"], load_pem_x509_certificate(told["root"].encode()))
    teacher = Identity.of(
        key_of_pem(told["teacher_key"].encode()), told["teacher_certificate"].encode()
    )
    host, port = told["address"]
    return Loot(school, teacher, (host, port), told["told"])
