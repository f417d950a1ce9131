"""Second factors, sign-in by OpenID Connect, regions, and the audit of what was administered."""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.tenancy import guard

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
KEPT_DAYS = 183
"""An act that is younger is removed by nobody, whatever the server is told to keep."""


def upgrade() -> None:
    _widen()
    _second_factors()
    _openid()
    op.create_table(
        "region_schools",
        _id("school"),
        _id("member"),
        sa.Column("name", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("school", "member", name=op.f("pk_region_schools")),
    )
    guard("second_factors", "recovery_codes", "openid_providers", "openid_subjects")
    guard("openid_spent", "region_schools")
    _audit()


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), server_default="", nullable=False)


def _widen() -> None:
    kind = sa.Column("kind", sa.String(16), server_default="school", nullable=False)
    op.add_column("schools", kind)
    op.add_column("teacher_tokens", _flag("second"))
    op.add_column("teacher_tokens", _text("visitor", 129))
    op.add_column("refresh_tokens", _flag("second"))
    op.add_column("refresh_tokens", _text("parent", 64))


def _second_factors() -> None:
    op.create_table(
        "second_factors",
        _id("school"),
        _id("teacher"),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        _flag("confirmed"),
        sa.Column("last_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("school", "teacher", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        _id("school"),
        _id("teacher"),
        _id("code_hash"),
        sa.PrimaryKeyConstraint("school", "teacher", "code_hash", name=op.f("pk_recovery_codes")),
    )


def _openid() -> None:
    op.create_table(
        "openid_providers",
        _id("school"),
        sa.Column("issuer", sa.String(512), nullable=False),
        sa.Column("client", sa.String(256), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        _text("claim", 64),
        sa.PrimaryKeyConstraint("school", name=op.f("pk_openid_providers")),
    )
    op.create_table(
        "openid_subjects",
        _id("school"),
        sa.Column("issuer", sa.String(512), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        _id("teacher"),
        sa.PrimaryKeyConstraint("school", "issuer", "subject", name=op.f("pk_openid_subjects")),
        sa.UniqueConstraint(
            "school", "issuer", "teacher", name=op.f("uq_openid_subjects_school_issuer_teacher")
        ),
    )
    op.create_table(
        "openid_spent",
        _id("school"),
        _id("state_hash"),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "state_hash", name=op.f("pk_openid_spent")),
    )


def _audit() -> None:
    op.create_table(
        "audit_acts",
        _id("school"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(160), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        _id("session"),
        _id("act"),
        sa.Column("object", sa.String(160), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        _id("previous"),
        _id("mark"),
        sa.PrimaryKeyConstraint("school", "number", name=op.f("pk_audit_acts")),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    mine = "school = current_setting('pupitre.school', true)"
    old = f"at < extract(epoch FROM now() - interval '{KEPT_DAYS} days')"
    op.execute("ALTER TABLE audit_acts ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE audit_acts FORCE ROW LEVEL SECURITY")
    # Read, written once and forgotten in time, never changed: there is no policy for UPDATE.
    op.execute(f"CREATE POLICY tenant ON audit_acts FOR SELECT USING ({mine})")
    op.execute(f"CREATE POLICY written ON audit_acts FOR INSERT WITH CHECK ({mine})")
    op.execute(f"CREATE POLICY forgotten ON audit_acts FOR DELETE USING ({mine} AND {old})")
