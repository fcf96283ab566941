-- How fan_out judges policies for many readers: every form in which applications write them, and the way taken.
CREATE EXTENSION pgrealtime;
SET client_min_messages = warning;
CREATE ROLE many_reader;
CREATE ROLE many_other;
CREATE SCHEMA many;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA many, auth TO many_reader;

-- The functions of Supabase.
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
  )::uuid
$$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
  )::text
$$;
CREATE FUNCTION auth.email() RETURNS text LANGUAGE sql STABLE
RETURN auth.jwt() ->> 'email';
CREATE FUNCTION auth.claim(name text) RETURNS text LANGUAGE sql STABLE
RETURN current_setting('request.jwt.claims', true)::jsonb ->> name;
CREATE FUNCTION auth.is_own(owner uuid) RETURNS boolean LANGUAGE sql STABLE
RETURN auth.uid() = owner;

CREATE TABLE many.members (organization_id uuid, user_id uuid, level int, PRIMARY KEY (user_id, organization_id));
CREATE TABLE many.posts (
  id int PRIMARY KEY,
  user_id uuid,
  organization_id uuid,
  title text,
  email varchar(50),
  level int,
  public boolean,
  editors uuid[],
  data jsonb
);
ALTER TABLE many.posts ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON many.posts, many.members TO many_reader;

CREATE FUNCTION many.definer(owner uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
RETURN owner = auth.uid();
CREATE FUNCTION many.plain_definer(owner uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT owner = auth.uid()';
CREATE FUNCTION many.with_setting(owner uuid) RETURNS boolean LANGUAGE sql STABLE SET work_mem = '1MB' AS 'SELECT owner = auth.uid()';
CREATE FUNCTION many.procedural() RETURNS uuid LANGUAGE plpgsql STABLE AS 'BEGIN RETURN auth.uid(); END';
CREATE FUNCTION many.volatile() RETURNS uuid LANGUAGE sql AS 'SELECT auth.uid()';
CREATE FUNCTION many.misdeclared() RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT auth.uid()';
CREATE FUNCTION many.misdeclared_within() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT many.misdeclared()';
CREATE FUNCTION many.misdeclared_plpgsql() RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN auth.uid(); END';
CREATE FUNCTION many.by_default(owner uuid, reader uuid = many.misdeclared_plpgsql()) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT owner = reader';
CREATE FUNCTION many.two_statements() RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT auth.uid(); SELECT auth.uid()';
CREATE FUNCTION many.is_member(organization uuid) RETURNS boolean LANGUAGE sql STABLE AS
  'SELECT EXISTS (SELECT FROM many.members WHERE organization_id = organization AND user_id = auth.uid())';
CREATE FUNCTION many.organizations() RETURNS SETOF uuid LANGUAGE sql STABLE AS
  'SELECT organization_id FROM many.members WHERE user_id = auth.uid()';
CREATE FUNCTION many.members_from(lowest int) RETURNS TABLE (organization uuid, member uuid) LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT organization_id, user_id FROM many.members WHERE level >= lowest;
END;
CREATE VIEW many.own AS SELECT organization_id AS organization FROM many.members WHERE user_id = auth.uid();
GRANT SELECT ON many.own TO many_reader;
CREATE FUNCTION many.lowered(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
CREATE FUNCTION many.not_allowed() RETURNS uuid LANGUAGE plpgsql STABLE AS 'BEGIN RETURN auth.uid(); END';
REVOKE EXECUTE ON FUNCTION many.not_allowed() FROM PUBLIC;
CREATE DOMAIN many.checked AS text CHECK (value <> '');
CREATE TYPE many.pair AS (a int, b int);

-- The way taken for a policy.
CREATE FUNCTION pg_temp.way(policy text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  way text;
BEGIN
  EXECUTE 'CREATE POLICY one ON many.posts FOR SELECT TO many_reader USING (' || policy || ')';
  SELECT status || ': ' || detail INTO way
  FROM pgrealtime.diagnose('many.posts', 'many_reader', '{"sub":"00000000-0000-0000-0000-000000000001"}')
  WHERE check_name = 'fan_out';
  DROP POLICY one ON many.posts;
  RETURN way;
END $$;

-- By claims alone.
SELECT policy, pg_temp.way(policy) FROM unnest(ARRAY[
  'auth.uid() = user_id',
  '(SELECT auth.uid()) = user_id',
  'user_id = (SELECT auth.uid() AS uid)',
  'organization_id = (auth.jwt() ->> ''org'')::uuid',
  'user_id = (current_setting(''request.jwt.claims'', true)::jsonb ->> ''sub'')::uuid',
  'title = current_setting(''request.jwt.claims'', true)::jsonb ->> ''sub''',
  'title = current_setting(''Request.JWT.Claims'')::json ->> ''sub''',
  'title = auth.claim(''sub'')',
  'auth.is_own(user_id)',
  'auth.uid() IN (user_id, organization_id)',
  'email = auth.email()',
  'public OR auth.uid() = user_id',
  'auth.role() = ''authenticated'' AND NOT public',
  'auth.uid() = user_id AND level >= 3 AND title IS NOT NULL',
  'level <= (auth.jwt() ->> ''level'')::int',
  'organization_id = ANY (string_to_array(auth.jwt() ->> ''orgs'', '','')::uuid[])',
  'organization_id = ANY (ARRAY[auth.uid(), (auth.jwt() ->> ''org'')::uuid])',
  'user_id = CASE auth.role() WHEN ''admin'' THEN (auth.jwt() ->> ''as'')::uuid ELSE auth.uid() END',
  'true',
  'organization_id <> (auth.jwt() ->> ''org'')::uuid AND title NOT IN (''a'', ''b'')',
  'title IN (SELECT jsonb_array_elements_text(auth.jwt() -> ''titles''))',
  'title = ANY (ARRAY(SELECT jsonb_array_elements_text(auth.jwt() -> ''titles'')))',
  'false'
]) AS policy;

-- Asked once for all readers.
SELECT policy, pg_temp.way(policy) FROM unnest(ARRAY[
  'user_id::text = (auth.jwt() ->> ''sub'')',
  'data ->> ''owner'' = auth.uid()::text',
  'lower(email) = lower(auth.email())',
  'many.lowered(title) = auth.email()',
  'auth.uid() = ANY (editors)',
  'length(title) > 3 AND user_id = auth.uid()',
  'current_user = title',
  'title = current_setting(''application_name'')',
  'organization_id IN (SELECT organization_id FROM many.members WHERE user_id = auth.uid())',
  'EXISTS (SELECT FROM many.members m WHERE m.organization_id = posts.organization_id AND m.user_id = auth.uid())',
  'organization_id IN (SELECT * FROM many.organizations())',
  'organization_id IN (SELECT organization FROM many.members_from(1) WHERE member = auth.uid())',
  'organization_id IN (SELECT organization FROM many.own)',
  'EXISTS (SELECT FROM many.members m WHERE m.organization_id = posts.organization_id)',
  '(SELECT m.user_id FROM many.members m WHERE m.organization_id = posts.organization_id LIMIT 1) = auth.uid()'
]) AS policy;

-- Asked once for those with the same claims.
SELECT policy, pg_temp.way(policy) FROM unnest(ARRAY[
  'data @> jsonb_build_object(''owner'', auth.uid()::text)',
  'coalesce(user_id = auth.uid(), public)',
  'user_id IS DISTINCT FROM auth.uid()',
  'NOT (auth.uid() = ANY (editors))'
]) AS policy;

-- Separately.
SELECT policy, pg_temp.way(policy) FROM unnest(ARRAY[
  'many.definer(user_id)',
  'many.plain_definer(user_id)',
  'many.with_setting(user_id)',
  'many.procedural() = user_id',
  'many.volatile() = user_id',
  'many.misdeclared() = user_id',
  'many.misdeclared_within() = user_id',
  'many.misdeclared_plpgsql() = user_id',
  'many.by_default(user_id)',
  'many.two_statements() = user_id',
  'many.is_member(organization_id)',
  'organization_id IN (SELECT many.organizations())',
  'random() > 0.5',
  'current_setting(''request.'' || title, true) = ''x''',
  'current_setting(title) = ''x''',
  'EXISTS (SELECT FROM pg_settings WHERE name = title)',
  'title::many.checked = auth.claim(''sub'')',
  'ROW(level, id)::many.pair = ROW(1, 2)::many.pair',
  'to_jsonb(posts) ->> ''title'' = auth.claim(''sub'')',
  'posts IS NOT NULL',
  'EXISTS (SELECT FROM many.members TABLESAMPLE system (50))',
  'EXISTS (SELECT FROM many.members WHERE user_id = many.procedural())'
]) AS policy;

-- Separately, where claims do not decide.
SELECT policy, pg_temp.way(policy) FROM unnest(ARRAY[
  'organization_id = (auth.jwt() ->> ''org'')::uuid AND many.definer(user_id)',
  'user_id = auth.uid() OR many.is_member(organization_id)',
  'title IS NULL OR NOT (public AND many.misdeclared() = user_id)',
  'user_id = auth.uid() AND random() > 0.5',
  'user_id = auth.uid() AND many.volatile() = user_id',
  'user_id = many.not_allowed() OR public'
]) AS policy;

-- A membership that row level security on the members decides; permissive and restrictive policies together.
CREATE POLICY own ON many.members FOR SELECT TO many_reader USING (user_id = auth.uid());
ALTER TABLE many.members ENABLE ROW LEVEL SECURITY;
SELECT pg_temp.way('organization_id IN (SELECT organization_id FROM many.members)');
CREATE POLICY narrow ON many.posts AS RESTRICTIVE FOR SELECT TO PUBLIC USING (level < 5 OR auth.role() = 'admin');
CREATE POLICY other ON many.posts FOR SELECT TO many_other USING (random() > 0.5);
SELECT pg_temp.way('organization_id IN (SELECT organization_id FROM many.members)');
-- A policy of the members that hides how it looks at the reader.
ALTER POLICY own ON many.members USING (user_id = many.procedural());
SELECT pg_temp.way('organization_id IN (SELECT organization_id FROM many.members)');
ALTER TABLE many.members DISABLE ROW LEVEL SECURITY;
-- What the role may not read.
REVOKE SELECT ON many.members FROM many_reader;
SELECT pg_temp.way('public OR organization_id IN (SELECT organization_id FROM many.members WHERE user_id = auth.uid())');

-- Claims that raise an error, and no policies for the role.
CREATE POLICY one ON many.posts FOR SELECT TO many_reader USING (user_id = auth.uid());
SELECT status, detail, hint FROM pgrealtime.diagnose('many.posts', 'many_reader', '{"sub":"nobody"}') WHERE check_name = 'fan_out';
SELECT status, detail, hint FROM pgrealtime.diagnose('many.posts', current_user::regrole) WHERE check_name = 'fan_out';

-- Switched off, for diagnosis.
SET pgrealtime.share_policies = off;
SELECT status, detail, hint FROM pgrealtime.diagnose('many.posts', 'many_reader') WHERE check_name = 'fan_out';
SET ROLE many_reader;
SET pgrealtime.share_policies = on;
