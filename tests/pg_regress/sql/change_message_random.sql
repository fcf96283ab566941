-- The serialiser against row_to_json, byte for byte: 10,000 random rows of 40 random tables, over every kind of type.
-- A failure names its seed; PGREALTIME_SEED=that repeats it.
CREATE EXTENSION pgrealtime;
SET client_min_messages = warning;
\getenv seed PGREALTIME_SEED
\if :{?seed}
\else
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint % 1000000000 AS seed \gset
\endif
SELECT set_config('test.seed', :'seed', false) = '' AS t, setseed(:seed / 1e9) IS NULL AS t \gset x
\set VERBOSITY terse

-- The expected record: row_to_json with the settings that messages are written with, whatever the session's.
CREATE FUNCTION wanted(record) RETURNS json LANGUAGE internal STABLE AS 'row_to_json'
SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET bytea_output = 'hex'
SET extra_float_digits = 1 SET lc_monetary = 'C' SET xmlbinary = 'base64' SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off;

CREATE SCHEMA gen;
CREATE FUNCTION gen.upto(n int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT floor(random() * n)::int';
CREATE FUNCTION gen.one_of(VARIADIC text[]) RETURNS text LANGUAGE sql VOLATILE
AS 'SELECT $1[1 + gen.upto(cardinality($1))]';
CREATE FUNCTION gen.txt() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT CASE gen.upto(40) WHEN 0 THEN repeat('long "text" ', 400) WHEN 1 THEN repeat(md5(random()::text), 200) ELSE
    coalesce(string_agg(CASE WHEN random() < 0.3 THEN chr(1 + gen.upto(127)) ELSE
      gen.one_of('a', 'word', ' ', '"', '\', '/', E'\n', E'\t', E'\r', E'\b', E'\f', E'\x01', E'\x1f', E'\x7f', 'é', '漢', '😀',
                 U&'\2028', '\u0041', '12345678', '\\', 'null', '{"a":1}') END, ''), '') END
  FROM generate_series(1, gen.upto(12))
$$;
CREATE FUNCTION gen.num() RETURNS numeric LANGUAGE sql VOLATILE AS $$
  SELECT CASE gen.upto(12)
    WHEN 0 THEN 'NaN'::numeric WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN gen.one_of('0', '0.00', '-0.000', '1e-30')::numeric
    WHEN 4 THEN repeat(gen.upto(1000000000)::text, 110)::numeric
    WHEN 5 THEN -(repeat(gen.upto(1000000000)::text, 60) || '.' || repeat(gen.upto(1000000000)::text, 60))::numeric
    WHEN 6 THEN ('0.' || repeat('0', gen.upto(1000)) || gen.upto(100000))::numeric
    WHEN 7 THEN ((gen.upto(10000) - 5000) || 'e' || gen.upto(400))::numeric
    ELSE round(((random() - 0.5) * 10 ^ gen.upto(15))::numeric, gen.upto(12)) END
$$;
CREATE FUNCTION gen.f8() RETURNS float8 LANGUAGE sql VOLATILE AS $$
  SELECT CASE gen.upto(4)
    WHEN 0 THEN gen.one_of('NaN', 'Infinity', '-Infinity', '-0', '0', '1e15', '1e16', '123456789012345680', '0.1', '1e-5', '0.0001',
      '5e-324', '1.7976931348623157e308', '-2.5', '100')::float8
    WHEN 1 THEN (random() - 0.5) * 10.0::float8 ^ (gen.upto(600) - 300)
    ELSE (random() - 0.5) * 10 ^ gen.upto(20) END
$$;
CREATE FUNCTION gen.f4() RETURNS float4 LANGUAGE sql VOLATILE AS $$
  SELECT CASE gen.upto(3) WHEN 0 THEN gen.one_of('NaN', 'Infinity', '-Infinity', '-0', '1e6', '1e7', '1e-45', '3.4028235e38')::float4
    ELSE ((random() - 0.5) * 10.0::float8 ^ (gen.upto(70) - 35))::float4 END
$$;
CREATE FUNCTION gen.ts() RETURNS timestamp LANGUAGE sql VOLATILE AS $$
  SELECT CASE gen.upto(8)
    WHEN 0 THEN gen.one_of('infinity', '-infinity', '4714-11-24 00:00:00 BC', '294276-12-30 23:59:59.999999', '0001-01-01 BC',
      '2000-02-29 12:00:00.5', '1999-12-31 23:59:59.999999', '10000-01-01')::timestamp
    WHEN 1 THEN timestamp '2000-01-01' - random() * interval '6000 years'
    WHEN 2 THEN timestamp '2000-01-01' + random() * interval '290000 years'
    WHEN 3 THEN date_trunc(gen.one_of('day', 'hour', 'second', 'milliseconds'), timestamp '1970-01-01' + random() * interval '90 years')
    ELSE timestamp '1950-01-01' + random() * interval '150 years' END
$$;
CREATE FUNCTION gen.d() RETURNS date LANGUAGE sql VOLATILE AS $$
  SELECT CASE gen.upto(4) WHEN 0 THEN gen.one_of('infinity', '-infinity', '5874897-12-31', '4714-11-24 BC')::date
    ELSE date '2000-01-01' + (gen.upto(4000000) - 2000000) END
$$;
CREATE FUNCTION gen.iv() RETURNS interval LANGUAGE sql VOLATILE AS $$
  SELECT CASE gen.upto(3) WHEN 0 THEN make_interval(secs => (random() - 0.5) * 1e6) ELSE
    make_interval(gen.upto(20) - 10, gen.upto(24) - 12, 0, gen.upto(60) - 30, gen.upto(48) - 24, gen.upto(60), random() * 60) END
$$;
CREATE FUNCTION gen.js() RETURNS json LANGUAGE sql VOLATILE AS $$
  SELECT CASE gen.upto(3) WHEN 0 THEN json_build_object(gen.txt(), gen.txt(), 'n', gen.f8()) ELSE
    gen.one_of('{"a" : "\ud83d"}', '["\ude00 lone"]', 'null', ' 1.50 ', '"x"', '{"a":1, "a":2}', E'[1,\n\t2]', '1e400', '[]', '{}',
               '"\u0000"', '-0.0', '"😀\n\\"')::json END
$$;
CREATE FUNCTION gen.jb(depth int DEFAULT 0) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN CASE gen.upto(CASE WHEN depth > 3 THEN 6 ELSE 9 END)
    WHEN 0 THEN 'null' WHEN 1 THEN to_jsonb(gen.txt()) WHEN 2 THEN gen.one_of('true', 'false')::jsonb
    WHEN 3 THEN to_jsonb(gen.upto(1000000) - 500000) WHEN 4 THEN to_jsonb(gen.num()) WHEN 5 THEN to_jsonb(random())
    WHEN 6 THEN (SELECT coalesce(jsonb_agg(gen.jb(depth + 1)), '[]') FROM generate_series(1, gen.upto(5)))
    WHEN 7 THEN (SELECT coalesce(jsonb_object_agg(gen.txt(), gen.jb(depth + 1)), '{}') FROM generate_series(1, gen.upto(5)))
    ELSE (SELECT jsonb_object_agg('key' || i, i) || jsonb_build_object('list', jsonb_agg(i)) FROM generate_series(1, 1 + gen.upto(80)) i) END;
END $$;
CREATE FUNCTION gen.bytes() RETURNS bytea LANGUAGE sql VOLATILE AS $$
  SELECT substr(decode(md5(random()::text), 'hex'), 1, gen.upto(17))
$$;
CREATE FUNCTION gen.bits(n int) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT coalesce(string_agg(gen.upto(2)::text, ''), '') FROM generate_series(1, n)
$$;
CREATE FUNCTION gen.pt() RETURNS point LANGUAGE sql VOLATILE AS 'SELECT point(gen.f8(), random())';

-- Types of users: domains, composites of domains, ranges, enums; a cast to json that would follow the session.
CREATE SCHEMA "Mixed ""Case""";
SET search_path = "Mixed ""Case""", public, gen;
CREATE TYPE mood AS ENUM ('sad', 'so "so"', 'happy', '');
CREATE TYPE told AS ENUM ('a', 'b');
CREATE FUNCTION told_json(told) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT json_build_object('told', $1::text, 'at', timestamptz '2026-11-22 11:00+00', 'span', interval '1 day 2 hours',
    'path', current_setting('search_path'), 'cash', 12.5::numeric::money, 'class', 'pg_class'::regclass, 'bytes', '\x01'::bytea)
$$;
CREATE CAST (told AS json) WITH FUNCTION told_json(told);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN label AS text;
CREATE DOMAIN moods AS mood[];
CREATE DOMAIN stamp AS timestamptz;
CREATE TYPE pair AS (x positive, "y""" label);
CREATE TYPE nest AS (p pair, ps pair[], at stamp, cash money, f float8, by bytea, dropped int, j json, iv interval, told told, e mood);
ALTER TYPE nest DROP ATTRIBUTE dropped;
CREATE DOMAIN nests AS nest;
CREATE TYPE cashrange AS RANGE (subtype = money);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE TYPE textrange AS RANGE (subtype = text);
CREATE TYPE ivrange AS RANGE (subtype = interval);
CREATE TYPE listrange AS RANGE (subtype = timestamptz[]);
CREATE FUNCTION gen.pair() RETURNS pair LANGUAGE sql VOLATILE AS 'SELECT ROW(1 + gen.upto(9), gen.txt())::pair';
CREATE FUNCTION gen.nest() RETURNS nest LANGUAGE sql VOLATILE AS $$
  SELECT ROW(CASE WHEN random() < 0.7 THEN gen.pair() END, ARRAY[gen.pair(), NULL, gen.pair()], gen.ts(), gen.upto(1000000)::money,
    gen.f8(), gen.bytes(), gen.js(), gen.iv(), 'a', gen.one_of('sad', 'happy')::mood)::nest
$$;

CREATE TABLE kinds (type text, value text);
INSERT INTO kinds VALUES
  ('boolean', 'random() < 0.5'), ('smallint', '(upto(65535) - 32768)::smallint'),
  ('int', '((random() - 0.5) * 4294967294)::int'), ('bigint', 'one_of(''-9223372036854775808'', ''9223372036854775807'', ''0'', upto(1000000)::text)::bigint'),
  ('real', 'f4()'), ('float8', 'f8()'), ('numeric', 'num()'), ('numeric(12,3)', 'round((random() * 1e6)::numeric, 3)'),
  ('text', 'txt()'), ('varchar(8)', 'left(txt(), 8)'), ('char(5)', 'left(txt(), 5)'), ('name', 'left(txt(), 15)::name'), ('"char"', 'one_of(''a'', ''"'', '''')::"char"'),
  ('uuid', 'gen_random_uuid()'), ('date', 'd()'), ('timestamp', 'ts()'), ('timestamp(3)', 'ts()'), ('timestamptz', 'ts()::timestamptz'), ('timestamptz(0)', 'ts()::timestamptz'),
  ('time', 'ts()::time'), ('timetz', 'ts()::timestamptz::timetz'), ('interval', 'iv()'), ('interval day to second(2)', 'iv()'),
  ('json', 'js()'), ('jsonb', 'jb()'), ('bytea', 'bytes()'), ('money', '((random() - 0.5) * 10 ^ upto(16))::numeric::money'),
  ('bit(7)', 'bits(7)::bit(7)'), ('bit varying', 'bits(upto(30))::bit varying'),
  ('inet', '(inet ''10.0.0.0'' + upto(65536))'), ('cidr', 'one_of(''10.0.0.0/8'', ''2001:db8::/32'')::cidr'), ('macaddr', '''08:00:2b:01:02:03''::macaddr'), ('macaddr8', '''08:00:2b:01:02:03:04:05''::macaddr8'),
  ('point', 'pt()'), ('box', 'box(pt(), pt())'), ('circle', 'circle(point(1, random()), upto(5))'), ('lseg', 'lseg(pt(), pt())'), ('line', 'line(point(0, 1), point(random(), 2))'),
  ('path', 'path(polygon(3, circle(point(1, 1), 1 + random())))'), ('polygon', 'polygon(3, circle(point(random(), 1), 1 + random()))'),
  ('pg_lsn', '(''0/'' || to_hex(upto(1000000)))::pg_lsn'), ('tsvector', 'to_tsvector(''simple'', regexp_replace(txt(), ''[^a-z "]'', '''', ''g''))'), ('tsquery', 'one_of(''a & !b'', ''''''x y'''' | z'')::tsquery'),
  ('xml', 'one_of(''<a b="c">d</a>'', ''<?xml version="1.0" encoding="UTF-8"?><x/>'', ''text'')::xml'), ('jsonpath', '''$.a[*] ? (@ > 1)''::jsonpath'),
  ('oid', 'upto(100000)::oid'), ('xid', '''77''::xid'), ('xid8', '''77''::xid8'), ('cid', '''7''::cid'), ('tid', '''(1,2)''::tid'), ('pg_snapshot', '''10:20:10,14''::pg_snapshot'),
  ('regclass', 'one_of(''kinds'', ''pg_class'')::regclass'), ('regtype', 'one_of(''mood'', ''int'')::regtype'), ('regproc', 'one_of(''gen.upto'', ''pg_catalog.now'')::regproc'),
  ('regprocedure', '''gen.upto(int)''::regprocedure'), ('regnamespace', '''"Mixed ""Case"""''::regnamespace'), ('regrole', '''postgres''::regrole'), ('regconfig', '''simple''::regconfig'),
  ('int2vector', '''1 2 3''::int2vector'), ('oidvector', '''1 2 3''::oidvector'),
  ('int4range', 'int4range(upto(10), 10 + upto(10))'), ('numrange', 'one_of(''empty'', ''(,)'', ''[1.50,2.0]'')::numrange'), ('tsrange', 'tsrange(ts(), NULL)'), ('tstzrange', 'tstzrange(NULL, ts()::timestamptz, ''[]'')'), ('daterange', 'daterange(NULL, d())'),
  ('int8multirange', '''{[1,2],[5,)}''::int8multirange'), ('tstzmultirange', 'tstzmultirange(tstzrange(NULL, ts()::timestamptz))'),
  ('cashrange', 'cashrange((upto(1000))::money, 2000::money)'), ('floatrange', 'floatrange(random(), 1 + random())'), ('textrange', 'textrange(''a'', ''b'' || txt())'), ('ivrange', 'ivrange(''1 day'', ''1 mon 2 days 3 hours'')'), ('listrange', 'listrange(NULL, ARRAY[ts()::timestamptz])'),
  ('mood', 'one_of(''sad'', ''so "so"'', ''happy'', '''')::mood'), ('told', 'one_of(''a'', ''b'')::told'), ('positive', '1 + upto(100)'), ('label', 'txt()'), ('stamp', 'ts()'),
  ('moods[]', '''{"{sad,happy}",NULL,"{}"}''::moods[]'), ('moods', '''{sad,"so \"so\"",NULL}''::mood[]'), ('pair', 'pair()'), ('nest', 'nest()'), ('nests', 'nest()'), ('kinds', 'ROW(txt(), txt())::kinds');
-- A server built without libxml has the type and no value of it.
DO $$ BEGIN PERFORM '<a/>'::xml; EXCEPTION WHEN feature_not_supported THEN DELETE FROM kinds WHERE type = 'xml'; END $$;
DO $$
DECLARE
  extension text;
BEGIN
  FOREACH extension IN ARRAY ARRAY['hstore', 'ltree', 'citext', 'cube', 'seg', 'isn'] LOOP
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = extension) THEN
      EXECUTE format('CREATE EXTENSION %I SCHEMA public', extension);
      INSERT INTO kinds SELECT type, value FROM (VALUES
        ('hstore', 'hstore', 'hstore(txt(), txt()) || ''t=>true,n=>1.50,x=>NULL''::hstore'), ('ltree', 'ltree', '''Top.Science.Astronomy''::ltree'), ('ltree', 'lquery', '''*.a|b*''::lquery'),
        ('citext', 'citext', 'txt()::citext'), ('cube', 'cube', 'cube(ARRAY[random(), random()])'), ('seg', 'seg', '''1.5 .. 2.50''::seg'), ('isn', 'isbn', '''978-0-11-000533-1''::isbn')) v(e, type, value)
      WHERE e = extension;
    END IF;
  END LOOP;
END $$;
-- Arrays of every kind: empty, with NULL, of two dimensions, with bounds.
INSERT INTO kinds SELECT type || '[]', format(
  'CASE upto(6) WHEN 0 THEN ''{}'' WHEN 1 THEN array_fill((%1$s)::%2$s, ARRAY[2, 2], ARRAY[-3, 5]) WHEN 2 THEN ARRAY[ARRAY[(%1$s)::%2$s, NULL], ARRAY[NULL, (%1$s)::%2$s]]'
  ' WHEN 3 THEN array_fill(NULL::%2$s, ARRAY[3]) ELSE ARRAY[(%1$s)::%2$s, (%1$s)::%2$s, NULL, (%1$s)::%2$s, (%1$s)::%2$s, (%1$s)::%2$s, (%1$s)::%2$s, (%1$s)::%2$s, (%1$s)::%2$s, (%1$s)::%2$s] END', value, type)
FROM kinds WHERE type NOT IN ('int2vector', 'oidvector', 'moods', 'moods[]');

-- A table of random columns, some dropped, some added to its rows later; with NULLs.
CREATE FUNCTION gen.make_table(n int, rows int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  name text := format('%I.%I', gen.one_of('Mixed "Case"', 'public'), left('table ' || n || ' ' || gen.one_of('"q"', E'tab\t', 'é😀', 'plain', repeat('x', 70)), 63));
  columns text[];
  types text[];
  insert text;
BEGIN
  SELECT array_agg(left(i || gen.one_of('', ' "q"', E'\n', '\', '😀', repeat('é', 40)), 31) ORDER BY i), array_agg(kind.type ORDER BY i),
    string_agg(format('CASE WHEN random() < 0.85 THEN %s END', kind.value), ', ' ORDER BY i)
  INTO columns, types, insert
  FROM generate_series(1, 2 + gen.upto(20)) i, LATERAL (SELECT * FROM kinds WHERE i > 0 ORDER BY random() LIMIT 1) kind;
  EXECUTE format('CREATE TABLE %s (id int PRIMARY KEY, gone text, %s)', name,
    (SELECT string_agg(format('%I %s', c, t), ', ') FROM unnest(columns, types) u(c, t)));
  EXECUTE format('INSERT INTO %s SELECT i, ''gone'', %s FROM generate_series(1, %s) i', name, insert, rows);
  IF random() < 0.5 THEN
    EXECUTE format('ALTER TABLE %s DROP COLUMN gone, ADD COLUMN later timestamptz DEFAULT ''2026-01-01'', ADD COLUMN last text DEFAULT ''a "default"''', name);
  END IF;
  RETURN name;
END $$;

-- The whole message as it must be, from the catalogs and row_to_json.
CREATE FUNCTION gen.envelope(relation regclass) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT format('{"type":"UPDATE","schema":%s,"table":%s,"commit_timestamp":%s,"columns":[%s],"record":', to_json(n.nspname::text), to_json(c.relname::text),
    to_json(to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
    (SELECT string_agg(format('{"name":%s,"type":%s}', to_json(attname::text), to_json(typname::text)), ',' ORDER BY attnum)
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;
CREATE FUNCTION gen.fail(name text, got text, want text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  differ int := (SELECT min(i) FROM generate_series(1, length(want) + 1) i WHERE substr(got, i, 1) IS DISTINCT FROM substr(want, i, 1));
BEGIN
  RAISE EXCEPTION 'seed %: % differs at character %: got …% … but wanted …%', current_setting('test.seed'), name, differ,
    substr(got, greatest(differ - 60, 1), 120), substr(want, greatest(differ - 60, 1), 120);
END $$;

CREATE TABLE made (n int, name text);
CREATE FUNCTION gen.check_table(n int, rows int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  name text := gen.make_table(n, rows);
  bad record;
BEGIN
  INSERT INTO made VALUES (n, name);
  EXECUTE format($q$
    WITH messages AS MATERIALIZED (
      SELECT pgrealtime.change_message('UPDATE', t, t)::text AS got,
        (gen.envelope(%1$L) || wanted(t) || ',"old_record":' || wanted(t) || ',"errors":null}') AS want FROM %1$s t)
    SELECT count(*) FILTER (WHERE got = want AND got::json IS NOT NULL) AS good,
      (array_agg(got ORDER BY length(want)) FILTER (WHERE got <> want))[1] AS got, (array_agg(want ORDER BY length(want)) FILTER (WHERE got <> want))[1] AS want
    FROM messages $q$, name) INTO STRICT bad;
  IF bad.good <> rows THEN
    PERFORM gen.fail(name, bad.got, bad.want);
  END IF;
  RETURN bad.good;
END $$;
SELECT sum(gen.check_table(n, 250)) AS rows_as_wanted FROM generate_series(1, 40) n;

-- The bytes are the same in every session, whose settings stay what they were: 20 random sets of them.
CREATE FUNCTION gen.fingerprint(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE format('SELECT md5(string_agg(pgrealtime.change_message(''DELETE'', NULL, t)::text, '''' ORDER BY id)) FROM %s t', name) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION gen.settings() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT string_agg(format('%s=%s', s, current_setting(s)), ' ') FROM unnest(ARRAY['timezone', 'datestyle', 'intervalstyle', 'bytea_output',
    'extra_float_digits', 'lc_monetary', 'lc_numeric', 'xmlbinary', 'xmloption', 'search_path', 'client_encoding',
    'standard_conforming_strings', 'quote_all_identifiers', 'array_nulls']) s
$$;
CREATE FUNCTION gen.change_settings() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  setting text[];
BEGIN
  FOREACH setting SLICE 1 IN ARRAY ARRAY[
    ['timezone', gen.one_of('America/New_York', 'Asia/Kathmandu', 'Europe/Berlin', '<-12:30>+12:30', 'UTC')],
    ['datestyle', gen.one_of('SQL, DMY', 'SQL, MDY', 'German', 'ISO, YMD', 'Postgres, DMY')],
    ['intervalstyle', gen.one_of('iso_8601', 'sql_standard', 'postgres', 'postgres_verbose')],
    ['bytea_output', gen.one_of('escape', 'hex')], ['extra_float_digits', (gen.upto(19) - 15)::text],
    ['lc_monetary', gen.one_of('C', 'de_DE.UTF-8', 'en_GB.UTF-8', 'ja_JP.UTF-8')], ['lc_numeric', gen.one_of('C', 'de_DE.UTF-8')],
    ['xmlbinary', gen.one_of('hex', 'base64')], ['xmloption', gen.one_of('document', 'content')],
    ['search_path', gen.one_of('public, "Mixed ""Case""", gen', '"Mixed ""Case""", gen, pg_temp, pg_catalog, public', '', 'pg_temp')],
    ['client_encoding', gen.one_of('LATIN1', 'UTF8', 'SQL_ASCII', 'SJIS')], ['standard_conforming_strings', gen.one_of('on', 'off')],
    ['quote_all_identifiers', gen.one_of('on', 'off')], ['array_nulls', gen.one_of('on', 'off')]
  ] LOOP
    BEGIN
      PERFORM set_config(setting[1], setting[2], true);
    EXCEPTION WHEN invalid_parameter_value THEN
      -- A locale that this machine does not have.
    END;
  END LOOP;
END $$;
BEGIN;
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT name, gen.fingerprint(name) FROM made;
DO $$
DECLARE
  settings text;
  bad text;
BEGIN
  FOR session IN 1..20 LOOP
    PERFORM gen.change_settings();
    settings := gen.settings();
    SELECT string_agg(name, ', ') INTO bad FROM pg_temp.before WHERE gen.fingerprint(name) <> fingerprint;
    IF bad IS NOT NULL THEN
      RAISE EXCEPTION 'seed %: other bytes of % under %', current_setting('test.seed'), bad, settings;
    END IF;
    IF settings <> gen.settings() THEN
      RAISE EXCEPTION 'seed %: settings were changed from % to %', current_setting('test.seed'), settings, gen.settings();
    END IF;
  END LOOP;
END $$;
ROLLBACK;

-- Over the limit a message keeps the key and what is small, and says so. Rows with lone surrogates and NUL in their
-- json are left out, and those with spaces around it: Postgres keeps them, but its own look-up does not.
SET pgrealtime.max_record_bytes = 2048;
CREATE FUNCTION gen.check_cut(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  bad record;
BEGIN
  EXECUTE format($q$
    WITH messages AS MATERIALIZED (SELECT pgrealtime.change_message('INSERT', t, NULL) AS m, wanted(t) AS whole, gen.envelope(%1$L) AS head
      FROM %1$s t WHERE wanted(t)::text !~* '\\u(d[89a-f]|0000)|: 1\.50 '),
    expected AS MATERIALIZED (
      SELECT m, octet_length(head) + octet_length(whole::text) + octet_length(',"errors":null}') > 2048 AS cut, whole::text,
        (SELECT '{' || string_agg(to_json(key) || ':' || value, ',' ORDER BY n) || '}' FROM json_each(whole) WITH ORDINALITY e(key, value, n)
         WHERE key = 'id' OR octet_length(value::text) <= 64) AS kept FROM messages),
    judged AS (SELECT *, CASE WHEN cut THEN (m -> 'record')::text = kept AND m ->> 'errors' = '["Error 413: Payload Too Large"]'
                         ELSE (m -> 'record')::text = whole AND m ->> 'errors' IS NULL END AS ok FROM expected)
    SELECT count(*) FILTER (WHERE ok) AS good, count(*) AS n, min((m -> 'record')::text) FILTER (WHERE NOT ok) AS got,
      min(CASE WHEN cut THEN kept ELSE whole END) FILTER (WHERE NOT ok) AS want FROM judged $q$, name) INTO STRICT bad;
  IF bad.good <> bad.n THEN
    PERFORM gen.fail(name, bad.got, bad.want);
  END IF;
  RETURN bad.n;
END $$;
SELECT sum(gen.check_cut(name)) > 5000 AS rows_cut_as_wanted FROM made;
RESET pgrealtime.max_record_bytes;
