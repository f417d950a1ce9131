"""What is wanted of each device: groups, declarations, reports, orders, lost and wipe."""

import json

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.gathering import let, own
from central_mdm.platform.migrations.tenancy import guard

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STANDING = """
CREATE FUNCTION fleet_standing(asked_schools text[], asked_devices text[])
RETURNS TABLE (
  school varchar, id varchar, token_hash varchar, inventory_hash varchar, policy_version bigint,
  policy_state varchar, policy_reason varchar, wanted_version bigint, standby varchar,
  release varchar, head_count bigint, declared bigint, assigned bigint, deny_list bigint,
  epoch bigint, ruled boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = public
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT d.school, d.id, d.token_hash, d.inventory_hash, d.policy_version,
    d.policy_state, d.policy_reason, d.wanted_version,
    (SELECT s.standby FROM schools s WHERE s.school = d.school),
    (SELECT r.statement FROM fleet_releases r
      WHERE r.school = d.school AND r.device = d.id AND r.receipt = '' LIMIT 1),
    (SELECT h.count FROM journal_heads h
      WHERE h.school = d.school AND h.role = 'device' AND h.journal = d.id),
    (SELECT max(p.version) FROM fleet_policies p WHERE p.school = d.school),
    (SELECT a.assignment_version FROM roster_devices a WHERE a.school = d.school AND a.id = d.id),
    (SELECT max(l.number) FROM deny_lists l WHERE l.school = d.school),
    (SELECT max(e.epoch) FROM successions e WHERE e.school = d.school),
    EXISTS (SELECT FROM fleet_groups g WHERE g.school = d.school AND g.rule IS NOT NULL)
  FROM unnest(asked_schools, asked_devices) AS asked (school, device)
  JOIN fleet_devices d ON d.school = asked.school AND d.id = asked.device;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "fleet_groups",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("rule", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_fleet_groups")),
    )
    op.create_table(
        "fleet_members",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("group_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("school", "device", "group_id", name=op.f("pk_fleet_members")),
    )
    op.create_index("ix_fleet_members_school_group_id", "fleet_members", ["school", "group_id"])
    op.create_table(
        "fleet_declarations",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("feature", sa.String(40), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("declared_by", sa.String(64), nullable=False),
        sa.Column("declared_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "school", "scope", "target", "feature", name=op.f("pk_fleet_declarations")
        ),
    )
    op.create_table(
        "fleet_reports",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("feature", sa.String(40), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "device", "feature", name=op.f("pk_fleet_reports")),
    )
    op.create_table(
        "fleet_orders",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.String(400), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("school", "device", "id", name=op.f("pk_fleet_orders")),
    )
    op.create_table(
        "fleet_urgent",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("text", sa.String(400), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("delay_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("confirmed_by", sa.String(64), server_default="", nullable=False),
        sa.Column("runs_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_fleet_urgent")),
    )
    op.create_index("ix_fleet_urgent_school_device", "fleet_urgent", ["school", "device"])
    op.create_index("ix_fleet_urgent_school_asked_at", "fleet_urgent", ["school", "asked_at"])
    _take_up_policies()
    guard(
        "fleet_groups",
        "fleet_members",
        "fleet_declarations",
        "fleet_reports",
        "fleet_orders",
        "fleet_urgent",
    )
    if op.get_bind().dialect.name == "postgresql":
        let("fleet_groups", "SELECT")
        op.execute("DROP FUNCTION fleet_standing(text[], text[])")
        own(("fleet_standing(text[], text[])", STANDING))


def _take_up_policies() -> None:
    """Declare for each school what its newest policy says; the policies stay for older agents.

    Row-level security shows the tables' owner no school: for these two it does.
    """
    guarded = op.get_bind().dialect.name == "postgresql"
    for table in ("fleet_policies", "fleet_devices") if guarded else ():
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    # Each device holds version 0 of all, and is to be told.
    op.execute("UPDATE fleet_devices SET wanted_version = 1 WHERE wanted_version = 0")
    newest = (
        "SELECT school, version, screen_timeout_seconds, wallpaper FROM fleet_policies AS mine "
        "WHERE version = (SELECT max(version) FROM fleet_policies WHERE school = mine.school)"
    )
    rows = [
        {
            "school": school,
            "scope": "school",
            "target": "",
            "feature": feature,
            "version": version,
            "body": json.dumps(body).encode(),
            "declared_by": "",
            "declared_at": 0,
        }
        for school, version, seconds, wallpaper in op.get_bind().execute(sa.text(newest)).all()
        for feature, body in (
            ("screen_timeout", {"seconds": seconds}),
            ("wallpaper", {"name": wallpaper}),
        )
    ]
    if rows:
        op.bulk_insert(_declarations(), rows)
    for table in ("fleet_policies", "fleet_devices") if guarded else ():
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _declarations() -> sa.TableClause:
    texts = ("school", "scope", "target", "feature", "declared_by")
    return sa.table(
        "fleet_declarations",
        *(sa.column(name, sa.String) for name in texts),
        *(sa.column(name, sa.BigInteger) for name in ("version", "declared_at")),
        sa.column("body", sa.LargeBinary),
    )
