# ruff: noqa: PLR0915 - rendered by Alembic once, never edited
"""The first form of the database: all rooms, and row-level security on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "certificates",
    "fleet_codes",
    "fleet_devices",
    "fleet_inventories",
    "fleet_policies",
    "fleet_seen",
    "journal_events",
    "journal_lessons",
    "journal_origins",
    "journal_outcomes",
    "partage_chunks",
    "partage_documents",
    "partage_files",
    "refresh_tokens",
    "roster_changes",
    "roster_classes",
    "roster_devices",
    "roster_memberships",
    "roster_placements",
    "roster_pupils",
    "roster_scopes",
    "roster_teaching",
    "schools",
    "sign_in_failures",
    "teacher_tokens",
    "teachers",
)


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == "postgresql":
        for table in TENANT_TABLES:
            _guard(table)


def _guard(table: str) -> None:
    """Show and take a school's rows only to and from a transaction of that school."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    # Also for the owner of the tables, for the server is its owner.
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {table} "
        "USING (school = current_setting('pupitre.school', true)) "
        "WITH CHECK (school = current_setting('pupitre.school', true))"
    )


def _tables() -> None:

    op.create_table(
        "certificates",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("party", sa.String(length=64), nullable=False),
        sa.Column("thumbprint", sa.String(length=64), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "serial", name=op.f("pk_certificates")),
    )
    op.create_index(
        op.f("ix_certificates_school_thumbprint"),
        "certificates",
        ["school", "thumbprint"],
        unique=False,
    )
    op.create_table(
        "fleet_codes",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("class_id", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), server_default="", nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("revoked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("school", "code_hash", name=op.f("pk_fleet_codes")),
    )
    op.create_table(
        "fleet_devices",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("inventory_hash", sa.String(length=64), server_default="", nullable=False),
        sa.Column("policy_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("policy_state", sa.String(length=40), server_default="", nullable=False),
        sa.Column("policy_reason", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_fleet_devices")),
        sa.UniqueConstraint(
            "school", "token_hash", name=op.f("uq_fleet_devices_school_token_hash")
        ),
    )
    op.create_table(
        "fleet_doors",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_fleet_doors")),
    )
    op.create_table(
        "fleet_inventories",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "device", name=op.f("pk_fleet_inventories")),
    )
    op.create_table(
        "fleet_policies",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("screen_timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("wallpaper", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("school", "version", name=op.f("pk_fleet_policies")),
    )
    op.create_table(
        "fleet_seen",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "device", name=op.f("pk_fleet_seen")),
    )
    op.create_table(
        "journal_events",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("teacher", sa.String(length=64), nullable=False),
        sa.Column("lesson", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_journal_events")),
        sa.UniqueConstraint(
            "school", "origin", "sequence", name=op.f("uq_journal_events_school_origin_sequence")
        ),
    )
    op.create_index(
        op.f("ix_journal_events_school_lesson"),
        "journal_events",
        ["school", "lesson"],
        unique=False,
    )
    op.create_table(
        "journal_lessons",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("lesson", sa.String(length=64), nullable=False),
        sa.Column("teacher", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("school", "lesson", name=op.f("pk_journal_lessons")),
    )
    op.create_table(
        "journal_origins",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("teacher", sa.String(length=64), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("gap_since", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("school", "origin", name=op.f("pk_journal_origins")),
    )
    op.create_table(
        "journal_outcomes",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("teacher", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_journal_outcomes")),
    )
    op.create_table(
        "partage_chunks",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("school", "hash", name=op.f("pk_partage_chunks")),
    )
    op.create_table(
        "partage_documents",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_partage_documents")),
    )
    op.create_table(
        "partage_files",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("teacher", sa.String(length=64), nullable=False),
        sa.Column("lesson", sa.String(length=64), nullable=False),
        sa.Column("class_id", sa.String(length=64), nullable=False),
        sa.Column("pupil", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_partage_files")),
    )
    op.create_index(
        op.f("ix_partage_files_school_class_id"),
        "partage_files",
        ["school", "class_id"],
        unique=False,
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("teacher", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(length=64), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("school", "token_hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(
        op.f("ix_refresh_tokens_school_family"),
        "refresh_tokens",
        ["school", "family"],
        unique=False,
    )
    op.create_table(
        "roster_changes",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("entity", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("school", "scope", "entity", "id", name=op.f("pk_roster_changes")),
    )
    op.create_index(
        op.f("ix_roster_changes_school_scope_sequence"),
        "roster_changes",
        ["school", "scope", "sequence"],
        unique=False,
    )
    op.create_table(
        "roster_classes",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_roster_classes")),
    )
    op.create_table(
        "roster_devices",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("assignment_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_roster_devices")),
    )
    op.create_table(
        "roster_memberships",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("class_id", sa.String(length=64), nullable=False),
        sa.Column("pupil", sa.String(length=64), nullable=False),
        sa.Column("display", sa.String(length=64), nullable=False),
        sa.Column("seat", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("school", "class_id", "pupil", name=op.f("pk_roster_memberships")),
        sa.UniqueConstraint(
            "school",
            "class_id",
            "display",
            name=op.f("uq_roster_memberships_school_class_id_display"),
        ),
    )
    op.create_table(
        "roster_placements",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("class_id", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("pupil", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("school", "class_id", "device", name=op.f("pk_roster_placements")),
    )
    op.create_index(
        op.f("ix_roster_placements_school_device"),
        "roster_placements",
        ["school", "device"],
        unique=False,
    )
    op.create_table(
        "roster_pupils",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("given_name", sa.String(length=64), nullable=False),
        sa.Column("family_name", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_roster_pupils")),
    )
    op.create_table(
        "roster_scopes",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "scope", name=op.f("pk_roster_scopes")),
    )
    op.create_table(
        "roster_teaching",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("teacher", sa.String(length=64), nullable=False),
        sa.Column("class_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("school", "teacher", "class_id", name=op.f("pk_roster_teaching")),
    )
    op.create_table(
        "schools",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("root", sa.String(length=4096), nullable=False),
        sa.PrimaryKeyConstraint("school", name=op.f("pk_schools")),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("login_hash", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("forget_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "login_hash", name=op.f("pk_sign_in_failures")),
    )
    op.create_table(
        "teacher_tokens",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("teacher", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(length=64), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "token_hash", name=op.f("pk_teacher_tokens")),
    )
    op.create_index(
        op.f("ix_teacher_tokens_school_family"),
        "teacher_tokens",
        ["school", "family"],
        unique=False,
    )
    op.create_table(
        "teachers",
        sa.Column("school", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("login", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("thumbprint", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_teachers")),
        sa.UniqueConstraint("school", "login", name=op.f("uq_teachers_school_login")),
    )
