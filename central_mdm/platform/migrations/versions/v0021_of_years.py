"""What keeps a server's cost from growing with its years, and one held row from stopping all.

What waits to be compared, what has words to forget, and what asks for files, documents and quotas
is found by an index, not among all of its school. An operator may have made them before, while all
went on: docs/operate.md. The indexes that those of Partage stand in for go in a later version: to
drop one here would want its table for us alone while uploads stand behind the new one, each waiting
for the other. Chunks come before files, as an offer writes a chunk before it writes a file.

What devices tell, gathered over schools, waits for no row that another transaction holds. The
function of before stays: servers of the version before call it while this one comes.
"""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.gathering import own

revision = "0021"
down_revision = "0020"
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
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    waits = sa.text("compared IS 0" if is_sqlite else "compared IS false")
    _create("ix_journal_accounts_waiting", "journal_accounts", "lesson", where=waits)
    worded = sa.text("length(body) > 0")
    _create("ix_journal_events_worded", "journal_events", "received_at", where=worded)
    for table, *columns in (
        ("partage_chunks", "brought_by", "size"),
        ("partage_files", "class_id", "id"),
        ("partage_files", "document"),
    ):
        _create("_".join(("ix", table, "school", *columns)), table, *columns)
    if not is_sqlite:
        takes = "text[], text[], bigint[], text[], text[], text[], bytea[], bigint[]"
        own((f"fleet_told_or_held({takes})", TOLD_OR_HELD))


def _create(name: str, table: str, *columns: str, where: sa.TextClause | None = None) -> None:
    op.create_index(
        name,
        table,
        ["school", *columns],
        if_not_exists=True,
        sqlite_where=where,
        postgresql_where=where,
    )
