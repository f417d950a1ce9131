-- Fills a region; region.py names the numbers. Rows are of the form that the rooms write.
SET synchronous_commit = off;
INSERT INTO schools (school, name, epoch, root)
SELECT 's-' || lpad(s::text, 4, '0'), 'School ' || s, 'epoch-1', ''
FROM generate_series(1, $schools) AS s;
INSERT INTO tenants (school)
SELECT 's-' || lpad(s::text, 4, '0')
FROM generate_series(1, $schools) AS s;
INSERT INTO fleet_policies (school, version, screen_timeout_seconds, wallpaper)
SELECT 's-' || lpad(s::text, 4, '0'), 1, 600, ''
FROM generate_series(1, $schools) AS s;
INSERT INTO deny_lists (school, number, statement)
SELECT 's-' || lpad(s::text, 4, '0'), 1, ''
FROM generate_series(1, $schools) AS s;
INSERT INTO fleet_devices (school, id, token_hash, enrolled_at, inventory_hash, policy_version, policy_state, wanted_version)
SELECT 's-' || lpad(s::text, 4, '0'), 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0') || '-secret', 1, 'inventory-of-before', 1, 'applied', 1
FROM generate_series(1, $schools) AS s, generate_series(1, $devices) AS d;
INSERT INTO fleet_seen (school, device, seen_at)
SELECT 's-' || lpad(s::text, 4, '0'), 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), 1
FROM generate_series(1, $schools) AS s, generate_series(1, $devices) AS d;
INSERT INTO fleet_inventories (school, device, hash, body, kept_at)
SELECT 's-' || lpad(s::text, 4, '0'), 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), 'inventory-of-before', convert_to('{"kind":"laptop","system":"Debian 12","model":"T14"}', 'UTF8'), 1
FROM generate_series(1, $schools) AS s, generate_series(1, $devices) AS d;
INSERT INTO roster_devices (school, id, name, kind, assignment_version)
SELECT 's-' || lpad(s::text, 4, '0'), 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), 'Laptop ' || d, 'laptop', 1
FROM generate_series(1, $schools) AS s, generate_series(1, $devices) AS d;
INSERT INTO roster_placements (school, class_id, device)
SELECT 's-' || lpad(s::text, 4, '0'), 'c-' || (d % $classes + 1), 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0')
FROM generate_series(1, $schools) AS s, generate_series(1, $devices) AS d;
INSERT INTO certificates (school, serial, role, party, thumbprint, ends_at)
SELECT 's-' || lpad(s::text, 4, '0'), 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), 'device', 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), md5('d-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0')), 4000000000
FROM generate_series(1, $schools) AS s, generate_series(1, $devices) AS d;
INSERT INTO journal_heads (school, role, journal, party, count, body, token, certificate, received_at)
SELECT 's-' || lpad(s::text, 4, '0'), 'device', 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), 12, '', '', '', 1
FROM generate_series(1, $schools) AS s, generate_series(1, $devices) AS d;
INSERT INTO teachers (school, id, login, name, password_hash)
SELECT 's-' || lpad(s::text, 4, '0'), 't-' || lpad(s::text, 4, '0') || '-' || lpad(t::text, 4, '0'), 't-' || lpad(s::text, 4, '0') || '-' || lpad(t::text, 4, '0'), 'M. ' || t, ''
FROM generate_series(1, $schools) AS s, generate_series(1, $teachers) AS t;
INSERT INTO roster_pupils (school, id, given_name, family_name)
SELECT 's-' || lpad(s::text, 4, '0'), 'p-' || lpad(s::text, 4, '0') || '-' || lpad(p::text, 5, '0'), 'Amina ' || p, 'Berger ' || p
FROM generate_series(1, $schools) AS s, generate_series(1, $pupils) AS p;
INSERT INTO roster_memberships (school, class_id, pupil, display)
SELECT 's-' || lpad(s::text, 4, '0'), 'c-' || (p % $classes + 1), 'p-' || lpad(s::text, 4, '0') || '-' || lpad(p::text, 5, '0'), 'Amina ' || p
FROM generate_series(1, $schools) AS s, generate_series(1, $pupils) AS p;
INSERT INTO roster_classes (school, id, name)
SELECT 's-' || lpad(s::text, 4, '0'), 'c-' || c, 'Class ' || c
FROM generate_series(1, $schools) AS s, generate_series(1, $classes) AS c;
INSERT INTO roster_teaching (school, teacher, class_id)
SELECT DISTINCT 's-' || lpad(s::text, 4, '0'), 't-' || lpad(s::text, 4, '0') || '-' || lpad(t::text, 4, '0'), 'c-' || (((t * 7 + g * 11) % $classes) + 1)::text
FROM generate_series(1, $schools) AS s, generate_series(1, $teachers) AS t, generate_series(1, $given) AS g;
INSERT INTO roster_changes (school, scope, entity, id, sequence, row)
SELECT 's-' || lpad(s::text, 4, '0'), 'class:' || 'c-' || c, 'class', 'c-' || c, 1, convert_to(format('{"type":"class","id":"%s","name":"Class %s"}', 'c-' || c, 'c-' || c), 'UTF8')
FROM generate_series(1, $schools) AS s, generate_series(1, $classes) AS c;
INSERT INTO roster_changes (school, scope, entity, id, sequence, row)
SELECT 's-' || lpad(s::text, 4, '0'), 'class:' || 'c-' || (p % $classes + 1), 'pupil', 'p-' || lpad(s::text, 4, '0') || '-' || lpad(p::text, 5, '0'), 1 + p, convert_to(format('{"type":"pupil","id":"%s","class_id":"%s","given_name":"Amina %s","family_name":"Berger %s","display":"Amina %s"}', 'p-' || lpad(s::text, 4, '0') || '-' || lpad(p::text, 5, '0'), 'c-' || (p % $classes + 1), p, p, p), 'UTF8')
FROM generate_series(1, $schools) AS s, generate_series(1, $pupils) AS p;
INSERT INTO roster_changes (school, scope, entity, id, sequence, row)
SELECT 's-' || lpad(s::text, 4, '0'), 'class:' || 'c-' || (d % $classes + 1), 'device', 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), $pupils + 1 + d, convert_to(format('{"type":"device","id":"%s","class_id":"%s","name":"Laptop %s","kind":"laptop"}', 'd-' || lpad(s::text, 4, '0') || '-' || lpad(d::text, 5, '0'), 'c-' || (d % $classes + 1), d), 'UTF8')
FROM generate_series(1, $schools) AS s, generate_series(1, $devices) AS d;
INSERT INTO roster_changes (school, scope, entity, id, sequence, row)
SELECT DISTINCT ON (1, 2, 4) 's-' || lpad(s::text, 4, '0'), 'teacher:' || 't-' || lpad(s::text, 4, '0') || '-' || lpad(t::text, 4, '0'), 'class', 'c-' || (((t * 7 + g * 11) % $classes) + 1)::text, g, convert_to(format('{"type":"class","id":"%s","name":"Class %s"}', 'c-' || (((t * 7 + g * 11) % $classes) + 1)::text, 'c-' || (((t * 7 + g * 11) % $classes) + 1)::text), 'UTF8')
FROM generate_series(1, $schools) AS s, generate_series(1, $teachers) AS t, generate_series(1, $given) AS g;
INSERT INTO roster_scopes (school, scope, sequence)
SELECT school, scope, max(sequence) FROM roster_changes GROUP BY school, scope;
