"""Reads and writes that are gathered over many schools: one statement for a moment's check-ins.

On PostgreSQL they are two functions, owned by a role that nobody signs in as. It sees all schools,
but only from within its functions: the policies want `current_user` to be it, so whoever is merely
a member of it sees no more than before.
"""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.gathering import let, own, want_role

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

READ = (
    "deny_lists",
    "fleet_policies",
    "fleet_releases",
    "journal_heads",
    "roster_devices",
    "schools",
    "successions",
)
WRITTEN = ("fleet_inventories", "fleet_seen")
STANDING = """
CREATE FUNCTION fleet_standing(asked_schools text[], asked_devices text[])
RETURNS TABLE (
  school varchar, id varchar, token_hash varchar, inventory_hash varchar, policy_version bigint,
  policy_state varchar, policy_reason varchar, wanted_version bigint, standby varchar,
  release varchar, head_count bigint, declared bigint, assigned bigint, deny_list bigint,
  epoch bigint
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
    (SELECT max(e.epoch) FROM successions e WHERE e.school = d.school)
  FROM unnest(asked_schools, asked_devices) AS asked (school, device)
  JOIN fleet_devices d ON d.school = asked.school AND d.id = asked.device;
END $$
"""
SAW = """
CREATE FUNCTION fleet_saw(seen_schools text[], seen_devices text[], seen_ats bigint[])
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public
AS $$
  INSERT INTO fleet_seen AS kept (school, device, seen_at)
  SELECT school, device, at
  FROM unnest(seen_schools, seen_devices, seen_ats) AS seen (school, device, at)
  ORDER BY school, device
  ON CONFLICT (school, device) DO UPDATE SET seen_at = excluded.seen_at
  WHERE kept.seen_at < excluded.seen_at
$$
"""
TOLD = """
CREATE FUNCTION fleet_told(
  schools text[], devices text[], versions bigint[], states text[], reasons text[],
  hashes text[], bodies bytea[], ats bigint[]
)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public
AS $$
  UPDATE fleet_devices d
  SET policy_version = t.version, policy_state = t.state, policy_reason = t.reason,
    inventory_hash = coalesce(t.hash, d.inventory_hash)
  FROM unnest(schools, devices, versions, states, reasons, hashes)
    AS t (school, device, version, state, reason, hash)
  WHERE d.school = t.school AND d.id = t.device;
  INSERT INTO fleet_inventories (school, device, hash, body, kept_at)
  SELECT t.school, t.device, t.hash, t.body, t.at
  FROM unnest(schools, devices, hashes, bodies, ats) AS t (school, device, hash, body, at)
  JOIN fleet_devices d ON d.school = t.school AND d.id = t.device
  WHERE t.hash IS NOT NULL
  ORDER BY t.school, t.device
  ON CONFLICT (school, device) DO UPDATE
  SET hash = excluded.hash, body = excluded.body, kept_at = excluded.kept_at
$$
"""
FUNCTIONS = (
    ("fleet_standing(text[], text[])", STANDING),
    ("fleet_saw(text[], text[], bigint[])", SAW),
    (
        "fleet_told(text[], text[], bigint[], text[], text[], text[], bytea[], bigint[])",
        TOLD,
    ),
)


def upgrade() -> None:
    version = sa.Column("wanted_version", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("fleet_devices", version)
    if op.get_bind().dialect.name == "postgresql":
        want_role()
        for table in READ:
            let(table, "SELECT")
        let("fleet_devices", "SELECT", "UPDATE")
        for table in WRITTEN:
            let(table, "SELECT", "INSERT", "UPDATE")
        own(*FUNCTIONS)
