"""Schools, their roots and teachers, tokens, certificates, and whom the school has ended."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    case,
    false,
)

from central_mdm.platform.database import HEX, ID, metadata

schools: Final = Table(
    "schools",
    metadata,
    Column("school", ID, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("epoch", ID, nullable=False),
    Column("root", String(4096), nullable=False),
    Column("generation", BigInteger, nullable=False, server_default="0"),
    # The thumbprint of the sealed key that may name the next root; empty: there is none.
    Column("standby", HEX, nullable=False, server_default=""),
    Column("kind", String(16), nullable=False, server_default="school"),
    # By which our clock is held to what it said before; 0: not yet.
    Column("tidied_at", BigInteger, nullable=False, server_default="0"),
)
# Which schools there are, and nothing of them: read without knowing one, by the nightly clean-up.
tenants: Final = Table("tenants", metadata, Column("school", ID, primary_key=True))
teachers: Final = Table(
    "teachers",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("login", String(128), nullable=False),
    Column("name", String(64), nullable=False),
    Column("password_hash", String(256), nullable=False),
    Column("thumbprint", HEX, nullable=False, server_default=""),
    Column("role", String(16), nullable=False, server_default="teacher"),
    Column("ended", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("school", "login"),
)
teacher_tokens: Final = Table(
    "teacher_tokens",
    metadata,
    Column("school", ID, primary_key=True),
    Column("token_hash", HEX, primary_key=True),
    Column("teacher", ID, nullable=False),
    Column("family", ID, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("second", Boolean, nullable=False, server_default=false()),
    # Who of the region has entered, as region/id; empty: a person of this school.
    Column("visitor", String(129), nullable=False, server_default=""),
    Index(None, "school", "family"),
)
refresh_tokens: Final = Table(
    "refresh_tokens",
    metadata,
    Column("school", ID, primary_key=True),
    Column("token_hash", HEX, primary_key=True),
    Column("teacher", ID, nullable=False),
    Column("family", ID, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False, server_default="0"),
    Column("second", Boolean, nullable=False, server_default=false()),
    # The hash of the token that bought this one; empty: a sign-in did.
    Column("parent", HEX, nullable=False, server_default=""),
    Index(None, "school", "family"),
)
sign_in_failures: Final = Table(
    "sign_in_failures",
    metadata,
    Column("school", ID, primary_key=True),
    Column("login_hash", HEX, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("blocked_until", BigInteger, nullable=False),
    Column("forget_at", BigInteger, nullable=False),
)
certificates: Final = Table(
    "certificates",
    metadata,
    Column("school", ID, primary_key=True),
    Column("serial", String(40), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("party", ID, nullable=False),
    Column("thumbprint", HEX, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    # How many successions of the root there had been.
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    # Above those of all that its party had before, whatever the clock said then; 0: `ends_at` is.
    Column("rank", BigInteger, nullable=False, server_default="0"),
    Index(None, "school", "thumbprint"),
    Index(None, "school", "party"),
)
RANK: Final = case((certificates.c.rank > 0, certificates.c.rank), else_=certificates.c.ends_at)
"""By which a party's newest certificate is told; servers of before leave the column 0."""
role_verbs: Final = Table(
    "role_verbs",
    metadata,
    Column("school", ID, primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("verbs", String(200), nullable=False),
)
revocations: Final = Table(
    "revocations",
    metadata,
    Column("school", ID, primary_key=True),
    Column("thumbprint", HEX, primary_key=True),
    Column("ends_at", BigInteger, nullable=False),
)
deny_lists: Final = Table(
    "deny_lists",
    metadata,
    Column("school", ID, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("statement", LargeBinary, nullable=False),
)
successions: Final = Table(
    "successions",
    metadata,
    Column("school", ID, primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("statement", LargeBinary, nullable=False),
)
second_factors: Final = Table(
    "second_factors",
    metadata,
    Column("school", ID, primary_key=True),
    Column("teacher", ID, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("confirmed", Boolean, nullable=False, server_default=false()),
    # The highest step of thirty seconds whose code was taken.
    Column("last_step", BigInteger, nullable=False, server_default="0"),
    # The highest ones, with spaces between; empty: only the last is known.
    Column("spent_steps", String(400), nullable=False, server_default=""),
)
recovery_codes: Final = Table(
    "recovery_codes",
    metadata,
    Column("school", ID, primary_key=True),
    Column("teacher", ID, primary_key=True),
    Column("code_hash", HEX, primary_key=True),
)
openid_providers: Final = Table(
    "openid_providers",
    metadata,
    Column("school", ID, primary_key=True),
    Column("issuer", String(512), nullable=False),
    Column("client", String(256), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("label", String(64), nullable=False),
    # The claim that is a person's login at the first sign-in; empty: an administrator links all.
    Column("claim", String(64), nullable=False, server_default=""),
)
openid_subjects: Final = Table(
    "openid_subjects",
    metadata,
    Column("school", ID, primary_key=True),
    Column("issuer", String(512), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("teacher", ID, nullable=False),
    UniqueConstraint("school", "issuer", "teacher"),
)
openid_spent: Final = Table(
    "openid_spent",
    metadata,
    Column("school", ID, primary_key=True),
    Column("state_hash", HEX, primary_key=True),
    Column("ends_at", BigInteger, nullable=False),
)
region_schools: Final = Table(
    "region_schools",
    metadata,
    Column("school", ID, primary_key=True),
    Column("member", ID, primary_key=True),
    Column("name", String(64), nullable=False),
)
audit_acts: Final = Table(
    "audit_acts",
    metadata,
    Column("school", ID, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", String(160), nullable=False),
    Column("role", String(16), nullable=False),
    Column("session", ID, nullable=False),
    Column("act", ID, nullable=False),
    Column("object", String(160), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("previous", HEX, nullable=False),
    Column("mark", HEX, nullable=False),
)
