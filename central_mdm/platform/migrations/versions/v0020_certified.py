"""By which keys devices are known, read for many schools at once: proofs of a Monday's first hour.

The newest certificate of a device is found by its name, not among all of its school.
"""

from alembic import op

from central_mdm.platform.migrations.gathering import let, own

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

CERTIFIED = """
CREATE FUNCTION fleet_certified(asked_schools text[], asked_devices text[])
RETURNS TABLE (
  school varchar, id varchar, token_hash varchar, thumbprint varchar, ended boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT d.school, d.id, d.token_hash, newest.thumbprint,
    EXISTS (SELECT FROM revocations r
      WHERE r.school = d.school AND r.thumbprint = newest.thumbprint)
  FROM unnest(asked_schools, asked_devices) AS asked (school, device)
  JOIN fleet_devices d ON d.school = asked.school AND d.id = asked.device
  LEFT JOIN LATERAL (
    SELECT c.thumbprint FROM certificates c
    WHERE c.school = d.school AND c.role = 'device' AND c.party = d.id
    ORDER BY CASE WHEN c.rank > 0 THEN c.rank ELSE c.ends_at END DESC LIMIT 1
  ) newest ON true;
END $$
"""


def upgrade() -> None:
    op.create_index("ix_certificates_school_party", "certificates", ["school", "party"])
    if op.get_bind().dialect.name == "postgresql":
        for table in ("certificates", "revocations"):
            let(table, "SELECT")
        own(("fleet_certified(text[], text[])", CERTIFIED))
