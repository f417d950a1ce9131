"""What devices tell, gathered over schools, waits for no row that another transaction holds.

The function of before stays: servers of the version before call it while this one comes.
"""

from alembic import op

from central_mdm.platform.migrations.gathering import own

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TOLD_OR_HELD = """
CREATE FUNCTION fleet_told_or_held(
  schools text[], devices text[], versions bigint[], states text[], reasons text[],
  hashes text[], bodies bytea[], ats bigint[]
)
RETURNS TABLE (school text, device text)
LANGUAGE plpgsql SECURITY DEFINER ROWS 1 SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  free_schools text[];
  free_devices text[];
BEGIN
  SELECT array_agg(free.school), array_agg(free.id) INTO free_schools, free_devices
  FROM (
    SELECT d.school, d.id FROM fleet_devices d
    JOIN unnest(schools, devices) AS t (school, device) ON d.school = t.school AND d.id = t.device
    ORDER BY d.school, d.id FOR UPDATE OF d SKIP LOCKED
  ) free;
  UPDATE fleet_devices d
  SET policy_version = t.version, policy_state = t.state, policy_reason = t.reason,
    inventory_hash = coalesce(t.hash, d.inventory_hash)
  FROM unnest(schools, devices, versions, states, reasons, hashes)
    AS t (school, device, version, state, reason, hash)
  JOIN unnest(free_schools, free_devices) AS f (school, device)
    ON f.school = t.school AND f.device = t.device
  WHERE d.school = t.school AND d.id = t.device;
  INSERT INTO fleet_inventories (school, device, hash, body, kept_at)
  SELECT t.school, t.device, t.hash, t.body, t.at
  FROM unnest(schools, devices, hashes, bodies, ats) AS t (school, device, hash, body, at)
  JOIN unnest(free_schools, free_devices) AS f (school, device)
    ON f.school = t.school AND f.device = t.device
  WHERE t.hash IS NOT NULL
  ORDER BY t.school, t.device
  ON CONFLICT (school, device) DO UPDATE
  SET hash = excluded.hash, body = excluded.body, kept_at = excluded.kept_at;
  RETURN QUERY
  SELECT t.school, t.device
  FROM unnest(schools, devices) AS t (school, device)
  JOIN fleet_devices d ON d.school = t.school AND d.id = t.device
  LEFT JOIN unnest(free_schools, free_devices) AS f (school, device)
    ON f.school = t.school AND f.device = t.device
  WHERE f.device IS NULL;
END $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        takes = "text[], text[], bigint[], text[], text[], text[], bytea[], bigint[]"
        own((f"fleet_told_or_held({takes})", TOLD_OR_HELD))
