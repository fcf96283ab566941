-- Tables, functions and rows for random policies.
CREATE ROLE many_reader;
CREATE SCHEMA many;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA many, auth TO many_reader;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;
CREATE FUNCTION auth.claim(name text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> name
$$;
CREATE TABLE many.members (organization_id uuid, user_id uuid, level int);
CREATE TABLE many.guarded (LIKE many.members);
CREATE TABLE many.posts (
  id int PRIMARY KEY,
  user_id uuid,
  organization_id uuid,
  title text,
  level int,
  short smallint,
  price numeric,
  code char(4),
  public boolean,
  editors uuid[],
  data jsonb
);
SET client_min_messages = warning;
ALTER TABLE many.posts ENABLE ROW LEVEL SECURITY;
ALTER TABLE many.guarded ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON ALL TABLES IN SCHEMA many TO many_reader;
CREATE FUNCTION many.organizations() RETURNS SETOF uuid LANGUAGE sql STABLE AS
  'SELECT organization_id FROM many.members WHERE user_id = auth.uid()';
CREATE FUNCTION many.members_from(lowest int) RETURNS TABLE (organization uuid, member uuid) LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT DISTINCT organization_id, user_id FROM many.guarded WHERE level >= lowest;
END;
CREATE VIEW many.own AS SELECT organization_id AS org, level FROM many.members WHERE user_id = auth.uid();
CREATE VIEW many.own_guarded WITH (security_barrier) AS
  SELECT g.organization_id AS org, m.level FROM many.guarded g JOIN many.members m USING (organization_id) WHERE g.user_id = auth.uid();
GRANT SELECT ON many.own, many.own_guarded TO many_reader;
CREATE FUNCTION many.definer(owner uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS
  'SELECT owner = auth.uid() OR EXISTS (SELECT FROM many.members WHERE organization_id = owner AND user_id = auth.uid())';
CREATE FUNCTION many.procedural() RETURNS uuid LANGUAGE plpgsql STABLE AS 'BEGIN RETURN auth.uid(); END';
CREATE FUNCTION many.misdeclared() RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN auth.uid(); END';
CREATE FUNCTION many.raising(level int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1 / level > 0; END';
CREATE FUNCTION many.id(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN n < 5 THEN ('00000000-0000-0000-0000-00000000000' || n)::uuid END
$$;
CREATE FUNCTION many.any(n int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT floor(random() * n)::int';
INSERT INTO many.members SELECT many.id(many.any(6)), many.id(many.any(6)), many.any(4) FROM generate_series(1, 15);
INSERT INTO many.guarded SELECT many.id(many.any(6)), many.id(many.any(6)), many.any(4) FROM generate_series(1, 15);
INSERT INTO many.posts
SELECT
  i,
  many.id(many.any(6)),
  many.id(many.any(6)),
  (ARRAY['ab', 'abc', 'admin', '', NULL])[1 + many.any(5)],
  nullif(many.any(5), 4),
  nullif(many.any(5), 4),
  (ARRAY[1.5, 1.50, 2, 'NaN', NULL])[1 + many.any(5)],
  (ARRAY['ab', 'c', NULL])[1 + many.any(3)],
  (ARRAY[true, false, NULL])[1 + many.any(3)],
  CASE many.any(4) WHEN 0 THEN ARRAY[many.id(1), many.id(2)] WHEN 1 THEN ARRAY[many.id(many.any(6))] WHEN 2 THEN '{}' END,
  jsonb_build_object('owner', many.id(many.any(6)), 'n', many.any(4))
FROM generate_series(1, 25) i;
