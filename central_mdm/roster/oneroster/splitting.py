"""A bundle of several schools: which there are, and what of it concerns one of them."""

from collections.abc import Collection, Mapping
from typing import Final

from central_mdm.platform.errors import Refused
from central_mdm.roster.oneroster.staging import Staging

NAMED_MAX: Final = 20
"""In one sentence."""
_TAUGHT: Final = "WHERE source IN (SELECT course FROM f_class)"
_MINE: Final = "WHERE class IN (SELECT source FROM f_class)"
_HERE: Final = "WHERE user IN (SELECT user FROM f_belongs)"
# A role at a district is one at each of its schools; one at another school is none here.
_ROLE: Final = "(org = :org OR org NOT IN (SELECT source FROM whole.f_org WHERE school))"
# Of a class that the bundle does not tell of anew, in a delta.
_OTHERS: Final = "WHERE org = :org AND class NOT IN (SELECT source FROM whole.f_class)"
_ELSEWHERE: Final = (
    "e.user, e.role, :org FROM f_enrolment e "
    "JOIN whole.f_role r ON r.user = e.user AND r.role = e.role WHERE e.active"
)
_PART: Final = (
    "INSERT INTO f_org SELECT * FROM whole.f_org",
    "INSERT INTO f_session SELECT * FROM whole.f_session",
    "INSERT INTO named SELECT * FROM whole.named",
    "INSERT INTO f_class SELECT * FROM whole.f_class WHERE org = :org",
    f"INSERT INTO f_course SELECT * FROM whole.f_course {_TAUGHT}",
    f"INSERT INTO f_term SELECT * FROM whole.f_term {_MINE}",
    f"INSERT INTO f_hour SELECT * FROM whole.f_hour {_MINE}",
    f"INSERT INTO f_enrolment SELECT * FROM whole.f_enrolment {_MINE}",
    f"INSERT OR IGNORE INTO f_enrolment SELECT * FROM whole.f_enrolment {_OTHERS}",
    "INSERT INTO f_belongs SELECT * FROM whole.f_belongs WHERE org = :org",
    "INSERT OR IGNORE INTO f_belongs SELECT :org, user FROM f_enrolment",
    "INSERT INTO f_user SELECT * FROM whole.f_user WHERE source IN (SELECT user FROM f_belongs)",
    f"INSERT INTO f_role SELECT * FROM whole.f_role {_HERE} AND {_ROLE}",
    f"INSERT INTO f_role_over SELECT * FROM whole.f_role_over {_HERE} AND {_ROLE}",
    # Who has the role at another school has it here as well, in a class of this one.
    f"INSERT OR IGNORE INTO f_role SELECT {_ELSEWHERE}",
)


def schools_in(staging: Staging) -> dict[str, str]:
    """Return the names of the schools that a bundle tells something of, by the register's own."""
    query = (
        "SELECT source, name FROM f_org WHERE school AND (source IN (SELECT org FROM f_class) "
        "OR source IN (SELECT org FROM f_belongs)) ORDER BY source"
    )
    return dict(staging.rows(query))


def want_one(schools: Mapping[str, str]) -> None:
    """Raise Refused for a bundle of several schools: one would get the pupils of all."""
    if len(schools) > 1:
        raise Refused(
            "several-schools",
            f"This is of several schools: {_listed(schools)}. Say whose each is: "
            "pupitre-mdm admin import --of SCHOOL=ORG.",
        )


def want_schools(schools: Mapping[str, str], asked: Collection[str]) -> None:
    """Raise Refused for one that the bundle says nothing of, and for one named twice."""
    if unknown := sorted(set(asked) - set(schools)):
        raise Refused(
            "no-org", f"There is no school {', '.join(unknown)} in it, but {_listed(schools)}."
        )
    if len(set(asked)) < len(asked):
        raise Refused("org-twice", "One school of the register cannot be two here.")


def part_of(whole: Staging, part: Staging, org: str) -> None:
    """Copy what concerns one school; `whole` is only read, and settled first."""
    whole.settle()
    part.take_from(whole, _PART, {"org": org})


def _listed(schools: Mapping[str, str]) -> str:
    some = [f"{source} ({name})" for source, name in schools.items()][:NAMED_MAX]
    return ", ".join(some) + (", …" if len(schools) > NAMED_MAX else "")
