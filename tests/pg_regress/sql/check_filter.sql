-- What a filter means: the condition of every operator on every kind of type, and what is refused and why.
CREATE EXTENSION pgrealtime;
CREATE SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION ltree SCHEMA ext;
CREATE SCHEMA app;
CREATE TYPE app.status AS ENUM ('draft', 'in review', 'done');
CREATE DOMAIN app.short AS varchar(5) CHECK (VALUE <> 'bad');
CREATE DOMAIN app.doc AS jsonb;
CREATE TYPE app.pair AS (a int, b text);
CREATE TYPE app.with_json AS (a int, b json);
CREATE TYPE app.with_domain AS (a int, b app.short);
CREATE TYPE app."Odd range" AS RANGE (subtype = text, collation = "C");
CREATE COLLATION app.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE app.t (
  id bigint PRIMARY KEY, organization_id uuid, status app.status, name text, v varchar(3), c char(5), sh app.short,
  n numeric(5,2), i2 int2, i4 int, f4 real, f8 float8, b boolean, d date, t time, tz timetz, ts timestamp, tstz timestamptz,
  iv interval, ip inet, net cidr, mac macaddr, bi bit(3), vb varbit, by bytea, j json, meta jsonb, doc app.doc,
  tags text[], nums int[], shorts app.short[], docs json[], r int4range, rt tstzrange, ro app."Odd range", mr int4multirange,
  p app.pair, pj app.with_json, pd app.with_domain, m money, ci ext.citext, h ext.hstore, lt ext.ltree, pt point, x xml,
  rc regclass, nm name, q "char", tq tsquery, tc text COLLATE "C", bl text COLLATE app.blind, xi xid,
  "Weird ""col" int, "select" text, "it's" text
);

-- One line each: a filter and its condition.
CREATE FUNCTION pg_temp.means(filters text[], row_alias text DEFAULT NULL) RETURNS TABLE (filter text, condition text)
LANGUAGE sql AS $$
  SELECT f, pgrealtime.check_filter('app.t', f, row_alias) FROM unnest(filters) WITH ORDINALITY u(f, i) ORDER BY i
$$;
-- One line each: a filter and its error.
CREATE FUNCTION pg_temp.refused(filters text[], relation text DEFAULT 'app.t', row_alias text DEFAULT NULL)
RETURNS TABLE (filter text, code text, error text) LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
  FOREACH filter IN ARRAY filters LOOP
    BEGIN
      error := 'ACCEPTED: ' || pgrealtime.check_filter(relation::regclass, filter, row_alias);
      code := NULL;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      error := concat_ws(' | ', message, nullif(detail, ''), nullif(hint, ''));
    END;
    filter := left(filter, 60);
    RETURN NEXT;
  END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep '  =>  '

-- An empty filter.
SELECT * FROM pg_temp.means(ARRAY['', '  ']);
SELECT pgrealtime.check_filter(NULL, 'id=eq.1') IS NULL, pgrealtime.check_filter('app.t', NULL) IS NULL;

-- The shared part of the language (what other servers of it document).
SELECT * FROM pg_temp.means(ARRAY[
  'organization_id=eq.6D9B5BB0-3F5D-4A39-9A76-0AB6A7BD6EC8', 'id=eq.42', 'id=neq.42', 'id=lt.42', 'id=lte.42', 'id=gt.42',
  'id=gte.42', 'id=in.(1,2,3)', 'status=in.(draft,"in review")', 'status=not.in.(draft,done),n=gte.50', 'id=not.eq.42',
  'name=eq."a,b",id=gt.0', 'name=eq."she said \"hi\""', 'name=eq."C:\new"', 'tags=in.("{a}","{a,b}")', 'name=in.("a,b",c)',
  'name=eq."unterminated', 'name=eq.5" tall,id=gt.0', 'name=eq.x),id=eq.1', 'name=eq.""', 'name=eq.', 'name=eq.O''Brien "x"',
  'name=like.a%', 'name=ilike.%A', 'name=match.^a', 'name=imatch."a{1,3}"', 'name=not.like.a%', 'name=is.null', 'name=not.is.null',
  'name=is.not_null', 'b=is.true', 'b=is.false', 'b=is.unknown', 'b=not.is.true', 'name=isdistinct.null', 'id=not.isdistinct.4',
  'id=in.()', 'id=not.in.()', 'id=in.(1,null)', 'id=not.in.(1,null)']);

-- Groups.
SELECT * FROM pg_temp.means(ARRAY[
  'or=(id.eq.1,id.gt.2)', 'and=(id.eq.1,id.gt.2)', 'not.or=(id.eq.1,id.gt.2)', 'not.and=(id.eq.1,b.is.true)',
  'or=(id.eq.1,and(id.gt.2,not.or(b.is.true,name.like.a%))),status=eq.done', 'or=(id.eq.1)', 'or=(and(id.eq.1,id.eq.2),or(id.eq.3,id.eq.4))']);

-- Types: at the type below domains, without a type modifier, in canonical form.
SELECT * FROM pg_temp.means(ARRAY[
  'v=eq.abcdefgh', 'c=eq.abcdefgh', 'c=eq."ab  "', 'sh=eq.bad', 'n=gt.99999.994', 'n=eq.1e3', 'i2=eq.7', 'i4=eq. 7 ', 'f4=eq.0.1',
  'f8=lt.-Infinity', 'f8=eq.NaN', 'b=eq.yes', 'd=eq.2020-2-9', 'd=eq.1/2/2020', 'd=eq."January 8, 99 BC"', 'd=eq.infinity',
  't=eq.04:05 PM', 'tz=eq.04:05+02', 'ts=gt."2020-01-01 12:00"', 'tstz=gt.2020-01-01 12:00', 'tstz=gt.2020-01-01T12:00:00+02:00',
  'tstz=gt."2020-07-01 12:00 Europe/Paris"', 'tstz=eq.epoch', 'iv=eq.P1Y2M', 'iv=eq."-1 day 3 hours"', 'iv=eq.1 day ago', 'ip=eq.10.0.0.1/8', 'net=eq.10/8', 'mac=eq.08002b010203',
  'bi=eq.1010', 'vb=eq.x1F', 'by=eq.\xDEAD', 'by=eq.ab\\c', 'meta=eq."{\"b\":1,\"a\":[]}"', 'tags=eq."{a,\"b c\"}"', 'nums=eq."{{1,2},{3,4}}"', 'nums=gt."[0:1]={1,2}"',
  'shorts=eq.{bad}', 'r=eq."(1,5]"', 'ro=eq."[a,b)"', 'mr=eq."{[1,3),[2,5)}"', 'p=eq."(1,x)"', 'p=lt."(1,)"', 'ci=eq.AbC', 'h=eq."b=>2,a=>1"', 'lt=gt.a.b',
  'rc=eq.1259', 'nm=eq.abc', 'q=eq.a', 'tc=gt.a', 'bl=eq.ABC', 'bl=in.(a,B)', 'xi=eq.3', 'status=gt.draft']);

-- NULL, of rows too: a row of NULLs is not NULL.
SELECT * FROM pg_temp.means(ARRAY['p=is.null', 'p=not.is.null', 'p=is.not_null', 'j=is.null', 'm=is.not_null', 'pt=is.null', 'x=is.null', 'pj=is.null']);

-- Containment.
SELECT * FROM pg_temp.means(ARRAY[
  'tags=cs.{a}', 'tags=cd."{a,b}"', 'tags=ov."{a,b}"', 'nums=not.cs.{1}', 'r=cs."[1,5)"', 'r=cd.(1,5)', 'r=ov.(1,5)',
  'rt=ov."[2020-01-01,2020-02-01)"', 'mr=cs."{[1,3)}"', 'meta=cs."{\"plan\": \"pro\"}"', 'meta=cd.{}', 'shorts=ov.{a}']);

-- JSON paths.
SELECT * FROM pg_temp.means(ARRAY[
  'meta->>plan=eq.pro', 'meta->limits->max=gt.5', 'meta->limits->max=not.gt.5', 'meta->a->0->-1->>b=ilike.x%', 'meta->a=eq.1', 'meta->a=in.(1,"\"x\"",null)',
  'meta->>a=in.(x,y)', 'meta->a=cs."[1]"', 'meta->>a=is.null', 'meta->a=is.null', 'meta->>a=isdistinct.x', 'meta->a=lt."\"s\""', 'meta->a=gte.true', 'meta->a=lt.null', 'meta->a=lt.[1]', 'doc->>a=eq.x',
  'meta->"it''s \"odd\""=eq.1', 'meta->>a=match.^x', 'meta=gt.5']);

-- Names that need quotes, and the alias of a row.
SELECT * FROM pg_temp.means(ARRAY['"Weird \"col"=eq.1', 'select=eq.x', 'it''s=eq.x']);
SELECT * FROM pg_temp.means(ARRAY['id=eq.1,sh=eq.x', 'or=(p.is.null,meta->>a.eq.x,"Weird \"col".eq.1)', 'b=is.true,tc=eq.x,meta->a=gt.1', 'name=in.(a,b)'], 'new');
SELECT * FROM pg_temp.means(ARRAY['id=eq.1'], 'Odd "alias');
SELECT * FROM pg_temp.refused(ARRAY['id=eq.1'], row_alias => '');
SELECT * FROM pg_temp.refused(ARRAY['id=eq.1'], row_alias => repeat('x', 64));

-- Refused: the language.
SELECT * FROM pg_temp.refused(ARRAY['undefined', 'id', 'id=eq', 'id=eqq.1', 'id=not.not.eq.5', 'id=in.1', 'id=eq.1,', ',id=eq.1', 'or=(id.eq.1', 'or=()', 'b=is.maybe', 'id=EQ.1']);

-- Refused: columns.
SELECT * FROM pg_temp.refused(ARRAY['nope=eq.1', 'name=eq.é,nope=eq.1', 'ID=eq.1', 'ctid=eq.(0,1)', 'tableoid=eq.1', 't=eq.1,app.t=eq.1']);

-- Refused: values.
SELECT * FROM pg_temp.refused(ARRAY['id=eq.abc', 'id=eq.9223372036854775808', 'i2=eq.70000', 'id=in.(1,x)', 'organization_id=eq.42', 'status=eq.gone', 'b=eq.maybe', 'd=eq.2020-02-30', 'd=eq.soon', 'ts=eq.2020-13-01',
  'by=eq.\xZ', 'meta=eq.{', 'meta->a=eq.pro', 'meta->a=gt.', 'tags=eq.a', 'nums=cs.1', 'r=eq."[5,1]"', 'p=eq."(1"', 'f8=eq.1e400', 'n=eq.x', 'ip=eq.1.2', 'net=eq.10.0.0.1/8', 'nm=eq.' || repeat('x', 64), 'q=eq.ab', 'q=eq.é', 'rc=eq.pg_class', 'iv=eq.1 lightyear',
  'ci=eq.a,h=eq.x', 'name=eq.é,id=eq.x']);

-- Refused: operators that the type lacks.
SELECT * FROM pg_temp.refused(ARRAY['id=like.1%', 'by=ilike.x', 'status=match.x', 'meta=like.x', 'q=like.a', 'id=cs.1', 'name=ov.x', 'meta=ov.{}', 'meta->>a=cs.x', 'b=cs.t', 'pt=eq.(1,2)', 'pt=lt.(1,2)', 'x=eq.<a/>', 'xi=lt.3', 'id=is.true', 'name=is.unknown', 'meta->a=is.true', 'name->>a=eq.1', 'lt=match.a', 'h=cs.a']);

---------------------------------------------------------------- hazards, each by name
-- like with an odd trailing escape: Postgres raises only when it comes to the end of a value.
SELECT * FROM pg_temp.refused(ARRAY['name=like.abc\', 'name=ilike.%\\\', 'ci=like.\', 'meta->>a=like.\', 'name=like.' || repeat('%a', 251)]);
SELECT * FROM pg_temp.means(ARRAY['name=like.abc\\', 'c=like.\%']);

-- json: -> raises on \u0000, and it has no equality.
SELECT * FROM pg_temp.refused(ARRAY['j=eq.{}', 'j->>a=eq.x', 'j->a=eq.1', 'j=in.({})', 'j=isdistinct.{}', 'docs=eq.{}', 'docs=cs.{}']);

-- Arrays and rows whose elements lack an operator pass PREPARE and fail on a row.
SELECT * FROM pg_temp.refused(ARRAY['pj=eq."(1,{})"', 'pj=lt."(1,{})"', 'docs=ov.{}']);

-- Patterns under a nondeterministic collation.
SELECT * FROM pg_temp.refused(ARRAY['bl=like.a%', 'bl=ilike.a%', 'bl=match.a', 'bl=imatch.a']);

-- Regular expressions are compiled now; back-references are not for the writer.
SELECT * FROM pg_temp.refused(ARRAY['name=match.(', 'name=imatch.a**', 'name=match.\', 'ci=match.[', 'name=match.' || repeat('(', 20000) || repeat(')', 20000), 'name=match."(a{1,255}){1,255}"']);
SELECT * FROM pg_temp.refused(ARRAY['name=match.(a)\1', 'name=not.imatch.(a)\1', 'ci=match.(a)\1', 'meta->>a=match.(a)\1', 'name=match.\(a\)\\1'], row_alias => 'new');
SELECT * FROM pg_temp.means(ARRAY['name=match.(a)\1', 'name=match.***=(a)\1', 'name=match.[1]']);
SELECT * FROM pg_temp.means(ARRAY['name=match.***=(a)\1'], 'new');

-- Type modifiers cut literals: with char(5) this would be true.
INSERT INTO app.t (id, c, v, n) VALUES (1, 'abcde', 'abc', 999.99);
SELECT format('SELECT %L, %s FROM app.t', f, pgrealtime.check_filter('app.t', f))
FROM unnest(ARRAY['c=eq.abcdefgh', 'v=eq.abcdef', 'n=lt.99999', 'c=eq.abcde', 'v=in.(abcd)']) f \gexec
DELETE FROM app.t;

-- Literals under other settings: read as in UTC and ISO, and written so that every session reads the same.
SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German, DMY'; SET IntervalStyle = 'sql_standard'; SET extra_float_digits = -10; SET bytea_output = 'escape'; SET standard_conforming_strings = off; SET escape_string_warning = off; SET array_nulls = off; SET quote_all_identifiers = on; SET lc_monetary = 'C.UTF-8';
SELECT * FROM pg_temp.means(ARRAY['tstz=gt.2020-01-01 12:00', 'ts=gt.2020-01-01 12:00', 'd=eq.1/2/2020', 'iv=eq.-1 day 3 hours', 'f8=eq.0.30000000000000004', 'by=eq.\\xDEAD', 'name=eq.\\x', 'tags=eq.{"null"}', 'rt=ov."[2020-01-01,2020-02-01)"']);
INSERT INTO app.t (id, tstz, ts, d, iv, f8, by, name, tags)
VALUES (1, '2020-01-01 10:00:00-02', '2020-01-01 12:00', '2020-01-02', interval 'P-1D' + interval 'PT3H', 0.30000000000000004, E'\\xdead', E'\\x', ARRAY['null']);
SELECT format('SELECT %L, %s FROM app.t', f, pgrealtime.check_filter('app.t', f))
FROM unnest(ARRAY['tstz=eq.2020-01-01 12:00', 'ts=eq.2020-01-01 12:00', 'd=eq.1/2/2020', 'iv=eq.-1 day 3 hours', 'f8=eq.0.30000000000000004', 'by=eq.\\xDEAD', 'name=eq.\\x', 'tags=eq.{"null"}']) f \gexec
SHOW TimeZone; SHOW array_nulls;
RESET ALL;
DELETE FROM app.t;
SELECT * FROM pg_temp.refused(ARRAY['tags=eq."{a,NULL}"', 'nums=ov."{1,null}"']);

-- Literals that mean another moment later, such as now.
SELECT * FROM pg_temp.refused(ARRAY['tstz=gt.now', 'ts=gt.NOW', 'd=eq.today', 'd=eq.Tomorrow', 'd=in.(2020-01-01,yesterday)', 't=lt.now', 'tz=lt."now "', 'tstz=gt."today 12:00"', 'rt=ov."[now,)"', 'rt=cs."[2020-01-01,tomorrow)"', 'tz=eq.12:00 Europe/Paris']);
SELECT * FROM pg_temp.means(ARRAY['name=eq.now', 'tags=cs.{today}']);

-- Values whose text depends on the session.
SELECT * FROM pg_temp.refused(ARRAY['m=eq.$5', 'm=gt.5', 'm=in.(1)', 'tq=eq.a']);

-- Extensions outside of the search_path.
SHOW search_path;
INSERT INTO app.t (id, ci, h, lt) VALUES (1, 'ABC', 'a=>1', 'a.b');
SELECT format('SELECT %L, %s FROM app.t', f, pgrealtime.check_filter('app.t', f))
FROM unnest(ARRAY['ci=eq.abc', 'ci=neq.abc', 'ci=in.(x,abc)', 'ci=like.a%', 'ci=match.^a', 'ci=lt.abd', 'h=eq."a=>1"', 'lt=eq.a.b', 'lt=lt.a.c', 'ci=isdistinct.aBc']) f \gexec
DELETE FROM app.t;

-- Operators planted by search_path.
CREATE SCHEMA planted;
CREATE FUNCTION planted.yes(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION planted.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR planted.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = planted.yes);
CREATE OPERATOR planted.= (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.yes);
CREATE OPERATOR planted.~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.yes);
CREATE DOMAIN planted.int8 AS text;
SET search_path = planted, pg_catalog;
INSERT INTO app.t (id, name) VALUES (1, 'a');
SELECT format('SELECT %L, %s FROM app.t', f, pgrealtime.check_filter('app.t', f))
FROM unnest(ARRAY['id=eq.2', 'name=eq.b', 'id=in.(2,3)', 'name=like.b%', 'id=not.isdistinct.2']) f \gexec
RESET search_path;
DELETE FROM app.t;

-- The CHECK of a domain that changes later never runs.
INSERT INTO app.t (id, sh) VALUES (1, 'abc');
ALTER DOMAIN app.short ADD CONSTRAINT late CHECK (length(VALUE) > 100) NOT VALID;
SELECT format('SELECT %L, %s FROM app.t', f, pgrealtime.check_filter('app.t', f)) FROM unnest(ARRAY['sh=eq.abc', 'sh=in.(abc)', 'sh=like.a%', 'shorts=cs.{a}']) f \gexec
ALTER DOMAIN app.short DROP CONSTRAINT late;
SELECT * FROM pg_temp.refused(ARRAY['pd=eq."(1,a)"']);
DELETE FROM app.t;

-- Enum values renamed later: the text of a trigger follows, a filter is compiled again.
CREATE TABLE app.e (s app.status);
SELECT format('CREATE TRIGGER x AFTER INSERT ON app.e FOR EACH ROW WHEN (%s) EXECUTE FUNCTION suppress_redundant_updates_trigger()', pgrealtime.check_filter('app.e', 's=eq.draft', 'new')) \gexec
ALTER TYPE app.status RENAME VALUE 'draft' TO 'sketch';
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'app.e'::regclass;
SELECT * FROM pg_temp.refused(ARRAY['s=eq.draft'], 'app.e');
ALTER TYPE app.status RENAME VALUE 'sketch' TO 'draft';
DROP TABLE app.e;

-- Types whose comparison is neither Postgres's nor a known extension's: it may raise.
CREATE TYPE app.touchy AS (a int);
CREATE FUNCTION app.touchy_eq(app.touchy, app.touchy) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'touchy'; END $$;
CREATE OPERATOR app.= (LEFTARG = app.touchy, RIGHTARG = app.touchy, FUNCTION = app.touchy_eq);
CREATE FUNCTION app.touchy_cmp(app.touchy, app.touchy) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'touchy'; END $$;
CREATE OPERATOR CLASS app.touchy_ops DEFAULT FOR TYPE app.touchy USING btree AS OPERATOR 3 app.= , FUNCTION 1 app.touchy_cmp(app.touchy, app.touchy);
CREATE FUNCTION app.point_cmp(point, point) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'touchy'; END $$;
CREATE OPERATOR CLASS app.point_ops DEFAULT FOR TYPE point USING btree AS OPERATOR 3 ~= , FUNCTION 1 app.point_cmp(point, point);
CREATE TYPE app.pointrange AS RANGE (subtype = point);
CREATE TABLE app.u (touchy app.touchy, list app.touchy[], pt point, pr app.pointrange);
SELECT * FROM pg_temp.refused(ARRAY['touchy=eq.(1)', 'list=eq.{}', 'list=cs.{}', 'pt=lt.(1,2)', 'pr=eq."[\"(1,2)\",\"(2,3)\"]"', 'pr=ov.empty'], 'app.u');
DROP TABLE app.u;
DROP TYPE app.pointrange;
DROP OPERATOR FAMILY app.point_ops USING btree;

-- Stack: what is accepted here fits where most of the stack is in use.
SELECT * FROM pg_temp.refused(ARRAY['meta->' || array_to_string(array_fill('a'::text, ARRAY[101]), '->') || '=eq.1', 'meta=eq.' || repeat('[', 12000) || repeat(']', 12000)]);

---------------------------------------------------------------- relations and privileges
CREATE VIEW app.v AS SELECT * FROM app.t;
CREATE MATERIALIZED VIEW app.mv AS SELECT 1 AS id;
CREATE SEQUENCE app.s;
CREATE INDEX i ON app.t (name);
SELECT r, code, error FROM unnest(ARRAY['app.v', 'app.mv', 'app.s', 'app.i', 'app.pair', '4000000000']) r, pg_temp.refused(ARRAY['id=eq.1'], r);
CREATE TABLE app.part (id int, k int) PARTITION BY LIST (k);
CREATE TABLE app.leaf PARTITION OF app.part FOR VALUES IN (1);
SELECT pgrealtime.check_filter('app.part', 'k=eq.1'), pgrealtime.check_filter('app.leaf', 'k=eq.1');

CREATE ROLE regress_filter_owner;
CREATE ROLE regress_filter_reader;
CREATE ROLE regress_filter_stranger;
CREATE SCHEMA priv;
GRANT USAGE ON SCHEMA priv TO regress_filter_reader;
CREATE TABLE priv.t (id int, name text, secret text);
GRANT SELECT (id, name) ON priv.t TO regress_filter_reader;
CREATE TABLE priv.hidden (id int);
SET ROLE regress_filter_reader;
SELECT pgrealtime.check_filter('priv.t', 'id=eq.1,name=eq.x');
DO $$ BEGIN PERFORM pgrealtime.check_filter('priv.t', 'id=eq.1,secret=eq.x'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
DO $$ BEGIN PERFORM pgrealtime.check_filter('priv.t', 'secret=eq.1,nope=foo.x'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
DO $$ BEGIN PERFORM pgrealtime.check_filter('priv.t', 'nope=eq.x'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
DO $$ BEGIN PERFORM pgrealtime.check_filter('priv.hidden', ''); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
RESET ROLE;
GRANT SELECT ON priv.t TO regress_filter_stranger;
SELECT 'priv.t'::regclass::oid AS priv_t \gset
SET ROLE regress_filter_stranger;
SELECT set_config('regress.t', :'priv_t', false) <> '' AS named_by_oid;
DO $$ BEGIN PERFORM pgrealtime.check_filter(current_setting('regress.t')::oid::regclass, 'id=eq.1'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
RESET ROLE;
SELECT provolatile, proparallel, proisstrict, prosecdef FROM pg_proc WHERE proname = 'check_filter';

-- A hostile owner gains nothing when a superuser calls: none of the owner's code runs.
CREATE SCHEMA AUTHORIZATION regress_filter_owner;
SET ROLE regress_filter_owner;
CREATE FUNCTION regress_filter_owner.spy(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'spy runs as %', current_user; RETURN true; END $$;
CREATE DOMAIN regress_filter_owner.trap AS text CHECK (regress_filter_owner.spy(VALUE));
CREATE TYPE regress_filter_owner.bag AS (a regress_filter_owner.trap);
CREATE FUNCTION regress_filter_owner.eq(regress_filter_owner.bag, regress_filter_owner.bag) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'eq runs as %', current_user; RETURN true; END $$;
CREATE OPERATOR regress_filter_owner.= (LEFTARG = regress_filter_owner.bag, RIGHTARG = regress_filter_owner.bag, FUNCTION = regress_filter_owner.eq);
CREATE TABLE regress_filter_owner.t (id int, a regress_filter_owner.trap, l regress_filter_owner.trap[], b regress_filter_owner.bag);
RESET ROLE;
SET search_path = regress_filter_owner, public;
SELECT * FROM pg_temp.refused(ARRAY['a=eq.x', 'a=in.(x,y)', 'a=like.x', 'l=cs.{x}', 'b=eq.(x)', 'b=isdistinct.(x)', 'b=is.null'], 'regress_filter_owner.t');
RESET search_path;
SELECT current_user = session_user AS still_myself;

---------------------------------------------------------------- the text where it is used
CREATE TABLE app.w (id int, name text, p app.pair, meta jsonb, sh app.short);
CREATE FUNCTION app.noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%: %', TG_OP, NEW.id; RETURN NULL; END $$;
SELECT format('CREATE TRIGGER noted AFTER INSERT OR UPDATE ON app.w FOR EACH ROW WHEN (%s) EXECUTE FUNCTION app.noted()',
  pgrealtime.check_filter('app.w', 'or=(name.like.a%,p.eq."(1,x)",meta->n.gt.5,sh.in.(bad,b)),id=not.in.(7)', 'new')) \gexec
INSERT INTO app.w VALUES (1, 'abc', NULL, NULL, NULL), (2, 'b', NULL, NULL, NULL), (3, NULL, '(1,x)', NULL, NULL), (4, NULL, '(,)', '{"n": 6}', NULL),
  (5, NULL, NULL, '{"n": "6"}', NULL), (6, NULL, NULL, NULL, 'b'), (7, 'abc', NULL, NULL, NULL), (8, NULL, NULL, NULL, NULL);
SELECT format('SELECT id FROM unnest((SELECT array_agg(w) FROM app.w w)) AS img WHERE %s', pgrealtime.check_filter('app.w', 'p=is.not_null', 'img')) \gexec
DROP TABLE app.w;

---------------------------------------------------------------- SQL injection: whatever is written stays a value or a name
CREATE TABLE app.inj (id int, v text, c char(30), ci ext.citext, nm name, meta jsonb, tags text[], "a'b""c" text);
CREATE TABLE app.canary (id int);
INSERT INTO app.canary VALUES (1);
CREATE TEMP TABLE corpus (i serial, payload text);
INSERT INTO corpus (payload) VALUES
  (''''), (''''''), ('"'), ('";'), (''' OR ''1''=''1'), ('''; DROP TABLE app.canary; --'), ('x''/*'), ('*/ OR true --'), ('-- '), ('$$'), ('$$; DROP TABLE app.canary; $$'),
  ('$a$'), ('\'), ('\'''), ('\\'''), (E'\\\'; DROP TABLE app.canary; --'), (U&'\2019 OR 1=1'), (U&'\02BC; DROP TABLE app.canary'), (U&'\FF07'), (U&'\201C'), ('%s%I%L'), (':x'), ('$1'), ('{"a": "''"}'), ('{''}'), ('(''a'')'),
  (E'a\nb'), (E'\r\n--'), (E'\t'), (E'\x01'), ('E''\x27'''), ('U&''\0027'''), ('NULL'), ('null::text'), ('1) OR (1=1'), ('"; SELECT 1; --'), ('x'' COLLATE "C'), (']]'), ('/*'), ('1;1'), (repeat('''', 1000)), (repeat('\', 1001)), (U&'\+01F600''');
CREATE FUNCTION pg_temp.quoted(value text) RETURNS text LANGUAGE sql AS $$ SELECT '"' || replace(replace(value, '\', '\\'), '"', '\"') || '"' $$;
DO $$
DECLARE r record; f text; sql text; n int; seen int := 0; refused int := 0;
BEGIN
  FOR r IN SELECT payload, format(template, pg_temp.quoted(payload)) AS filter
    FROM corpus, unnest(ARRAY['v=eq.%s', 'v=not.in.(%s)', 'v=isdistinct.%s', 'v=like.%s', 'v=match.%s', 'c=eq.%s', 'ci=eq.%s', 'nm=eq.%s', 'tags=cs.%s', 'meta=eq.%s', 'meta->%s->>b=eq.x', 'meta->>%s=eq.%1$s', 'id=eq.%s', '%s=eq.x', 'or=(v.eq.%s,%1$s.eq.x)']) template
  LOOP
    BEGIN
      sql := pgrealtime.check_filter('app.inj', r.filter, 'new');
    EXCEPTION WHEN OTHERS THEN
      IF left(SQLSTATE, 2) NOT IN ('22', '42', '54', '0A') THEN RAISE NOTICE 'SQLSTATE % for %', SQLSTATE, r.filter; END IF;
      refused := refused + 1;
      CONTINUE;
    END;
    EXECUTE format('SELECT count(*) FROM app.inj AS new WHERE %s', sql) INTO n;
    EXECUTE format('CREATE TRIGGER inj AFTER INSERT ON app.inj FOR EACH ROW WHEN (%s) EXECUTE FUNCTION app.noted()', sql);
    DROP TRIGGER inj ON app.inj;
    seen := seen + 1;
  END LOOP;
  RAISE NOTICE '% accepted and executed, % refused', seen, refused;
END $$;
-- A value that got through is the value.
DO $$
DECLARE r record; n int;
BEGIN
  FOR r IN SELECT payload FROM corpus LOOP
    INSERT INTO app.inj (id, v) VALUES (1, r.payload), (2, 'other');
    EXECUTE 'SELECT sum(id) FROM app.inj WHERE ' || pgrealtime.check_filter('app.inj', 'v=eq.' || pg_temp.quoted(r.payload)) INTO n;
    IF n IS DISTINCT FROM 1 THEN RAISE NOTICE 'not the value: %', r.payload; END IF;
    DELETE FROM app.inj;
  END LOOP;
END $$;
SELECT * FROM app.canary;
SELECT * FROM pg_temp.refused(ARRAY['v=eq.' || repeat('x', 1024 * 1024)], 'app.inj');
SELECT pgrealtime.check_filter('app.inj', 'a''b"c=eq.x'), pgrealtime.check_filter('app.inj', 'id=eq.1', 'x; DROP TABLE app.canary');

DROP OWNED BY regress_filter_owner, regress_filter_reader, regress_filter_stranger;
DROP ROLE regress_filter_owner, regress_filter_reader, regress_filter_stranger;
