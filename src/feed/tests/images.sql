-- Random tables and changes of them. Each change is recorded twice: by capture, as images in the log, and by a trigger
-- of this file, as rows in ordinary tables. gen.verify compares the two. It runs again after columns have changed: a
-- column that was added later, or had another type then, is NULL in both.
CREATE EXTENSION IF NOT EXISTS citext; CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS ltree;
CREATE SCHEMA gen;
SET LOCAL search_path = gen, public;
SET LOCAL client_min_messages = warning;
-- PGREALTIME_SEED, which the test program hands to the server as a setting, or the clock.
SELECT set_config('gen.seed', (coalesce(nullif(current_setting('pgrealtime_test.seed', true), '')::bigint,
  (extract(epoch FROM clock_timestamp()) * 1000)::bigint) % 1000000000)::text, false);
SELECT setseed(current_setting('gen.seed')::bigint / 1e9);

CREATE FUNCTION upto(n int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT floor(random() * n)::int';
CREATE FUNCTION one_of(VARIADIC text[]) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT $1[1 + upto(cardinality($1))]';
CREATE FUNCTION noise(n int) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT coalesce(string_agg(md5(random()::text), ''), '') FROM generate_series(1, n)
$$;
-- Short, or compressed, or out of line and compressed, or out of line and not compressed.
CREATE FUNCTION txt() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN CASE upto(16)
    WHEN 0 THEN repeat('compressible ', 200 + upto(200)) WHEN 1 THEN repeat(noise(70), 10 + upto(20))
    WHEN 2 THEN noise(70 + upto(200)) WHEN 3 THEN '' WHEN 4 THEN noise(3 + upto(3)) ELSE
    (SELECT coalesce(string_agg(one_of('a', 'word', ' ', '"', E'\n', 'é', '漢', '😀', '\'), ''), '') FROM generate_series(1, upto(9))) END;
END $$;
CREATE FUNCTION bytes() RETURNS bytea LANGUAGE sql VOLATILE AS $$ SELECT convert_to(txt(), 'UTF8') || one_of('\x', '\x00ff')::bytea $$;
CREATE FUNCTION num() RETURNS numeric LANGUAGE sql VOLATILE AS $$
  SELECT CASE upto(8)
    WHEN 0 THEN 'NaN'::numeric WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN one_of('0', '0.00', '-0.000', '1e-30')::numeric
    WHEN 4 THEN repeat((1 + upto(1000000))::text, 160)::numeric
    ELSE round(((random() - 0.5) * 10 ^ upto(15))::numeric, upto(12)) END
$$;
CREATE FUNCTION f8() RETURNS float8 LANGUAGE sql VOLATILE AS $$
  SELECT CASE upto(3) WHEN 0 THEN one_of('NaN', 'Infinity', '-Infinity', '-0', '0', '5e-324')::float8 ELSE (random() - 0.5) * 10 ^ upto(20) END
$$;
CREATE FUNCTION ts() RETURNS timestamp LANGUAGE sql VOLATILE AS $$
  SELECT CASE upto(5) WHEN 0 THEN one_of('infinity', '-infinity', '0001-01-01 BC', '294276-12-30 23:59:59.999999')::timestamp
    ELSE timestamp '1950-01-01' + random() * interval '150 years' END
$$;
CREATE FUNCTION jb(depth int DEFAULT 0) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN CASE upto(CASE WHEN depth > 2 THEN 6 ELSE 9 END)
    WHEN 0 THEN 'null' WHEN 1 THEN to_jsonb(txt()) WHEN 2 THEN one_of('true', 'false', '{}', '[]')::jsonb
    WHEN 3 THEN to_jsonb(upto(1000000) - 500000) WHEN 4 THEN to_jsonb(num()) WHEN 5 THEN to_jsonb(random())
    WHEN 6 THEN (SELECT coalesce(jsonb_agg(jb(depth + 1)), '[]') FROM generate_series(1, upto(5)))
    WHEN 7 THEN (SELECT coalesce(jsonb_object_agg(noise(1), jb(depth + 1)), '{}') FROM generate_series(1, upto(5)))
    ELSE (SELECT jsonb_object_agg('key' || i, i) || jsonb_build_object('list', jsonb_agg(i)) FROM generate_series(1, 1 + upto(80)) i) END;
END $$;
CREATE FUNCTION bits(n int) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT coalesce(string_agg(upto(2)::text, ''), '') FROM generate_series(1, n)
$$;
CREATE FUNCTION pt() RETURNS point LANGUAGE sql VOLATILE AS 'SELECT point(f8(), random())';

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', '');
CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'bad');
CREATE DOMAIN positive AS int4 CHECK (VALUE > 0);
CREATE DOMAIN label AS text;
CREATE DOMAIN moods AS mood[];
CREATE TYPE pair AS (x positive, dropped bool, y label);
ALTER TYPE pair DROP ATTRIBUTE dropped;
CREATE DOMAIN pairs AS pair[];
CREATE TYPE nest AS (c "char", p pair, ps pairs, n numeric, at timestamptz, by bytea, j jsonb, e mood);
CREATE DOMAIN nested AS nest;
CREATE TYPE textrange AS RANGE (subtype = text, collation = "C");
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION a_pair() RETURNS pair LANGUAGE sql VOLATILE AS $$
  SELECT ROW(CASE WHEN random() < 0.8 THEN 1 + upto(9) END, CASE WHEN random() < 0.8 THEN txt() END)::pair
$$;
CREATE FUNCTION a_nest() RETURNS nest LANGUAGE sql VOLATILE AS $$
  SELECT ROW('c', CASE WHEN random() < 0.7 THEN a_pair() END, ARRAY[a_pair(), NULL, a_pair()], num(), ts(), bytes(), jb(),
    one_of('sad', 'happy')::mood)::nest
$$;

CREATE TABLE kinds (type text, value text);
INSERT INTO kinds VALUES
  ('boolean', 'random() < 0.5'), ('int2', '(upto(65535) - 32768)::int2'), ('int4', '((random() - 0.5) * 4294967294)::int4'),
  ('int8', 'one_of(''-9223372036854775808'', ''9223372036854775807'', ''0'', upto(1000000)::text)::int8'),
  ('float4', 'one_of(''NaN'', ''-Infinity'', ''-0'', ''1e-45'', random()::text)::float4'), ('float8', 'f8()'), ('numeric', 'num()'),
  ('numeric(5,2)', 'round((random() * 999)::numeric, 2)'), ('text', 'txt()'), ('text COLLATE "C"', 'txt()'), ('text COLLATE gen.blind', 'txt()'),
  ('varchar(3)', 'left(txt(), 3)'), ('char(5)', 'left(txt(), 5)'), ('bpchar', 'txt()'), ('name', 'left(txt(), 15)::name'),
  ('"char"', 'one_of(''a'', ''%'', '''')::"char"'), ('uuid', 'md5(random()::text)::uuid'),
  ('date', 'CASE upto(3) WHEN 0 THEN one_of(''infinity'', ''-infinity'', ''4714-11-24 BC'')::date ELSE date ''2000-01-01'' + upto(4000000) - 2000000 END'),
  ('time', 'ts()::time'), ('timetz', 'ts()::timestamptz::timetz'), ('timestamp', 'ts()'), ('timestamp(0)', 'ts()'), ('timestamptz', 'ts()::timestamptz'),
  ('interval', 'make_interval(upto(20) - 10, upto(24) - 12, 0, upto(60) - 30, secs => random() * 1e5)'),
  ('inet', '(one_of(''10.0.0.0'', ''fe80::/10'')::inet + upto(65536))'), ('cidr', 'one_of(''10.0.0.0/8'', ''2001:db8::/32'')::cidr'),
  ('macaddr', '''08:00:2b:01:02:03''::macaddr'), ('macaddr8', '''08:00:2b:01:02:03:04:05''::macaddr8'),
  ('bit(3)', 'bits(3)::bit(3)'), ('varbit', 'bits(upto(30))::varbit'), ('bytea', 'bytes()'),
  ('json', 'one_of(''{"a" : "x"}'', ''null'', '' 1.50 '', ''[]'', jb()::text)::json'), ('jsonb', 'jb()'), ('jsonb', '''null''::jsonb'), ('jsonb[]', 'ARRAY[jb(), NULL, ''null'', jb()]'),
  ('mood', 'one_of(''sad'', ''ok'', ''happy'', '''')::mood'), ('short', 'left(txt(), 4)'), ('positive', '1 + upto(100)'), ('label', 'txt()'),
  ('moods', '''{sad,NULL,""}''::mood[]'), ('moods[]', '''{"{sad,happy}",NULL,"{}"}''::moods[]'), ('pair', 'a_pair()'), ('pairs', 'ARRAY[a_pair(), NULL]'),
  ('pairs[]', 'ARRAY[ARRAY[a_pair(), NULL]::text, NULL, ''{}'']::pairs[]'), ('nest', 'a_nest()'), ('nested', 'a_nest()'), ('nested[]', 'ARRAY[a_nest()::nested, NULL, a_nest()]'),
  ('int4range', 'int4range(upto(10), 10 + upto(10))'), ('tstzrange', 'tstzrange(NULL, ts()::timestamptz, ''[]'')'), ('textrange', 'textrange(''a'', ''b'' || txt())'),
  ('numrange', 'one_of(''empty'', ''(,)'', ''[1.50,2.0]'')::numrange'), ('int4multirange', 'one_of(''{}'', ''{[1,3),[7,9)}'', ''{(,)}'')::int4multirange'),
  ('money', '((random() - 0.5) * 10 ^ upto(16))::numeric::money'), ('citext', 'txt()::citext'),
  ('hstore', 'hstore(txt(), txt()) || ''t=>true,x=>NULL''::hstore'), ('ltree', 'one_of('''', ''Top.Science.Astronomy'', ''a.b'')::ltree'),
  ('oid', 'upto(100000)::oid'), ('regclass', 'one_of(''pg_class'', ''pg_proc'')::regclass'), ('pg_lsn', '(''0/'' || to_hex(upto(1000000)))::pg_lsn'),
  ('tsvector', 'to_tsvector(''simple'', regexp_replace(txt(), ''[^a-z0-9 "]'', '''', ''g''))'), ('tsquery', 'one_of(''a & !b'', ''''''x y'''' | z'')::tsquery'),
  ('xid8', 'upto(100)::text::xid8'), ('tid', '''(1,2)''::tid'), ('xml', 'one_of(''<a b="c">d</a>'', ''text'')::xml'), ('jsonpath', '''$.a[*] ? (@ > 1)''::jsonpath'),
  ('int2vector', '''1 2 3''::int2vector'), ('oidvector', '''1 2 3''::oidvector'),
  ('point', 'pt()'), ('box', 'box(pt(), pt())'), ('lseg', 'lseg(pt(), pt())'), ('line', 'line(point(0, 1), point(random(), 2))'), ('circle', 'circle(pt(), upto(5))'),
  ('path', 'path(polygon(3 + upto(200), circle(point(1, 1), 1 + random())))'), ('polygon', 'polygon(3 + upto(200), circle(point(random(), 1), 1 + random()))');
-- A server built without libxml has the type, but accepts no values.
DO $$ BEGIN PERFORM '<a/>'::xml; EXCEPTION WHEN feature_not_supported THEN DELETE FROM kinds WHERE type = 'xml'; END $$;
-- Arrays: empty, with NULL, with two dimensions, with lower bounds.
INSERT INTO kinds SELECT plain || '[]', format(
  'CASE upto(6) WHEN 0 THEN ''{}'' WHEN 1 THEN array_fill((%1$s)::%2$s, ARRAY[2, 2], ARRAY[-3, 5]) WHEN 2 THEN ARRAY[ARRAY[(%1$s)::%2$s, NULL], ARRAY[NULL, (%1$s)::%2$s]]'
  ' WHEN 3 THEN array_fill(NULL::%2$s, ARRAY[3]) ELSE ARRAY[(%1$s)::%2$s, NULL, (%1$s)::%2$s] END', value, plain)
FROM (SELECT type AS plain, value FROM kinds WHERE type !~ '\[\]|vector$|^moods|^pairs|^nested|COLLATE') plain;

-- Deals the kinds to the tables. Each kind is in every run.
CREATE TABLE dealt (tab bigint, type text, value text);
-- The columns that a change may set, with the expression of a random value.
CREATE TABLE settable (tab int, name text, type text, value text, altered bool);
CREATE TABLE events (nth int, tab int, operation text, limited bool);
CREATE SEQUENCE nth;

-- Stores a change as rows. The second argument is the statement for this, since the columns of a leaf may be in another
-- order than those of its root.
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  nth int := nextval('gen.nth');
BEGIN
  INSERT INTO gen.events VALUES (nth, TG_ARGV[0]::int, left(TG_OP, 1), current_setting('pgrealtime.max_image_bytes') = '32kB');
  IF TG_OP <> 'INSERT' THEN EXECUTE TG_ARGV[1] USING nth, 'old', OLD; END IF;
  IF TG_OP <> 'DELETE' THEN EXECUTE TG_ARGV[1] USING nth, 'new', NEW; END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION live(relation regclass) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT attname::text FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped ORDER BY attnum
$$;
-- Creates the trigger, again after every ALTER TABLE. It fires after the capture trigger, whose name sorts first.
CREATE FUNCTION attach(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('DROP TRIGGER IF EXISTS keep ON gen.t%s', n);
  EXECUTE format('CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON gen.t%s FOR EACH ROW EXECUTE FUNCTION gen.keep(%1$s, %L)', n,
    (SELECT format('INSERT INTO gen.s%s (nth, version, %s) SELECT $1, $2, %s', n, string_agg(format('%I', c), ', '), string_agg(format('($3).%I', c), ', '))
     FROM live(format('gen.t%s', n)::regclass) c));
END $$;

-- Adds a partition whose columns are in another order than the root's, with a dropped one among them.
CREATE FUNCTION add_partition(n int, bounds text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  leaf text := format('gen.t%s_%s', n, nextval('gen.nth'));
BEGIN
  EXECUTE format('CREATE TABLE %s (%s)', leaf, (SELECT string_agg(d, ', ' ORDER BY random()) FROM (
      SELECT format('%I %s%s%s', attname, format_type(atttypid, atttypmod), CASE WHEN attname IN ('id', 'part') THEN ' NOT NULL' END,
        CASE WHEN attgenerated = 's' THEN ' GENERATED ALWAYS AS (id * 2) STORED' WHEN attcollation <> typcollation THEN format(' COLLATE %s', attcollation::regcollation) END) AS d
      FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid WHERE attrelid = format('gen.t%s', n)::regclass AND attnum > 0 AND NOT attisdropped
      UNION ALL SELECT 'lost ' || one_of('int', 'text', 'point', '"char"')) AS columns));
  EXECUTE format('ALTER TABLE %s DROP COLUMN lost', leaf);
  EXECUTE format('ALTER TABLE gen.t%s ATTACH PARTITION %s FOR VALUES FROM %s', n, leaf, bounds);
END $$;

CREATE FUNCTION make(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  partitioned bool := n % 4 = 0;
  col record;
BEGIN
  INSERT INTO settable SELECT n, 'c' || row_number() OVER (ORDER BY random()), type, value
  FROM (SELECT type, value FROM dealt WHERE tab = n UNION ALL
    (SELECT type, value FROM kinds ORDER BY random() LIMIT CASE WHEN n % 7 = 0 THEN 50 ELSE upto(6) END)) AS columns;
  EXECUTE format('CREATE TABLE gen.t%s (%s, PRIMARY KEY (id, part)) %s', n,
    (SELECT string_agg(d, ', ' ORDER BY random()) FROM (
      SELECT format('%s %s', name, type) AS d FROM settable WHERE tab = n
      UNION ALL VALUES ('id int'), ('part int'), ('twice int GENERATED ALWAYS AS (id * 2) STORED'), ('gone1 text'), ('gone2 "char"')) AS columns),
    CASE WHEN partitioned THEN 'PARTITION BY RANGE (part)' END);
  EXECUTE format('ALTER TABLE gen.t%s DROP COLUMN gone1', n);
  IF partitioned THEN
    EXECUTE format('CREATE TABLE gen.t%s_0 PARTITION OF gen.t%1$s FOR VALUES FROM (0) TO (10)', n);
    PERFORM add_partition(n, '(10) TO (20)');
  END IF;
  FOR col IN SELECT name FROM settable WHERE tab = n AND type ~ 'text$|label|bytea|jsonb|xml|citext|\[\]' AND random() < 0.3 LOOP
    EXECUTE format('ALTER TABLE gen.t%s ALTER COLUMN %I SET STORAGE %s', n, col.name, one_of('EXTERNAL', 'MAIN', 'EXTENDED'));
  END LOOP;
  EXECUTE format('CREATE TABLE gen.s%s (nth int, version text, LIKE gen.t%1$s)', n);
  EXECUTE format('ALTER TABLE gen.s%s ADD PRIMARY KEY (nth, version)', n);
  PERFORM pgrealtime.enable(format('gen.t%s', n)::regclass);
  PERFORM attach(n);
END $$;

CREATE FUNCTION value_of(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT format('CASE WHEN random() < 0.85 THEN %s END', value) $$;

-- INSERT, UPDATE of random columns, DELETE.
CREATE FUNCTION change(n int, round int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  -- The upper bound of the partitions so far. A row may move from one to another.
  bound int := 10 + 10 * round;
BEGIN
  -- Half of the changes are captured with a limit that a row with one long text exceeds.
  PERFORM set_config('pgrealtime.max_image_bytes', one_of('32kB', '16MB'), true);
  EXECUTE format('INSERT INTO gen.t%s (id, part, %s) SELECT %s + i, upto(%s), %s FROM generate_series(1, 80) i', n,
    (SELECT string_agg(name, ', ' ORDER BY name) FROM settable WHERE tab = n), round * 1000, bound,
    (SELECT string_agg(value_of(value), ', ' ORDER BY name) FROM settable WHERE tab = n));
  FOR i IN 1..4 LOOP
    EXECUTE format('UPDATE gen.t%s SET %s WHERE random() < 0.4', n,
      (SELECT coalesce(string_agg(format('%s = CASE WHEN random() < 0.7 THEN %s ELSE %1$s END', name, value), ', ' ORDER BY name), 'id = id') FROM (
        SELECT name, value_of(value) AS value FROM settable WHERE tab = n AND random() < 0.3 UNION ALL
        SELECT * FROM (VALUES ('id', 'id + 1000000'), ('part', format('upto(%s)', bound))) AS key WHERE random() < 0.3) AS assignments));
  END LOOP;
  EXECUTE format('DELETE FROM gen.t%s WHERE random() < 0.3', n);
END $$;

-- ALTER TABLE: drops columns, adds some with a default, changes types, renames columns, and adds a partition.
CREATE FUNCTION alter_columns(n int, round int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  col settable;
  literal text;
BEGIN
  IF round = 1 THEN
    EXECUTE format('ALTER TABLE gen.t%s DROP COLUMN gone2', n);
    EXECUTE format('ALTER TABLE gen.s%s DROP COLUMN gone2', n);
  END IF;
  FOR col IN SELECT * FROM settable WHERE tab = n ORDER BY name LOOP
    CASE upto(6)
      WHEN 0 THEN
        CONTINUE WHEN (SELECT count(*) FROM settable WHERE tab = n) = 1;
        EXECUTE format('ALTER TABLE gen.t%s DROP COLUMN %s', n, col.name);
        EXECUTE format('ALTER TABLE gen.s%s DROP COLUMN %s', n, col.name);
        DELETE FROM settable WHERE tab = n AND name = col.name;
      WHEN 1 THEN
        EXECUTE format('ALTER TABLE gen.t%s RENAME COLUMN %s TO %2$s_', n, col.name);
        EXECUTE format('ALTER TABLE gen.s%s RENAME COLUMN %s TO %2$s_', n, col.name);
        UPDATE settable SET name = col.name || '_' WHERE tab = n AND name = col.name;
      WHEN 2 THEN
        -- To a type that is stored differently, in both directions. Only once: if a column got its first type back, values of that time would count again.
        CONTINUE WHEN col.altered;
        SELECT * INTO col.type, col.value FROM (VALUES ('text', 'txt()'), ('int4', 'upto(9)'), ('point', 'pt()'), ('bytea', 'bytes()')) v(t, e)
        WHERE t <> split_part(col.type, ' COLLATE', 1) ORDER BY random() LIMIT 1;
        EXECUTE format('ALTER TABLE gen.t%s ALTER COLUMN %s DROP DEFAULT, ALTER COLUMN %2$s TYPE %s USING %s', n, col.name, col.type, (SELECT format('%L::%s',
          CASE col.type WHEN 'point' THEN '(1,2)' WHEN 'int4' THEN '7' ELSE repeat('made by ALTER ', upto(900)) END, col.type)));
        EXECUTE format('ALTER TABLE gen.s%s ALTER COLUMN %s TYPE %s USING NULL', n, col.name, col.type);
        UPDATE settable SET type = col.type, value = col.value, altered = true WHERE tab = n AND name = col.name;
      ELSE NULL;
    END CASE;
  END LOOP;
  FOR i IN 1..1 + upto(3) LOOP
    -- The default for existing rows is stored in pg_attribute, which has no out-of-line storage.
    LOOP
      SELECT n, format('d%s_%s', round, i), type, value INTO col FROM kinds ORDER BY random() LIMIT 1;
      EXECUTE format('SELECT (%s)::text', col.value) INTO literal;
      EXIT WHEN coalesce(length(literal), 0) < 1000;
    END LOOP;
    EXECUTE format('ALTER TABLE gen.t%s ADD COLUMN %s %s DEFAULT %L', n, col.name, col.type, literal);
    EXECUTE format('ALTER TABLE gen.s%s ADD COLUMN %s %s', n, col.name, col.type);
    INSERT INTO settable VALUES (col.*);
  END LOOP;
  IF n % 4 = 0 THEN
    PERFORM add_partition(n, format('(%s) TO (%s)', 10 + round * 10, 20 + round * 10));
  END IF;
END $$;

DO $$ BEGIN
  EXECUTE 'CREATE VIEW gen.logged AS ' || (SELECT string_agg(format('SELECT position, relation, operation, marks FROM pgrealtime.change_log_%s', i), ' UNION ALL ')
    FROM generate_series(0, 7) i);
END $$;

-- Compares the captured rows of a table with the stored ones. Returns the number of rows.
CREATE FUNCTION verify(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  tab regclass := format('gen.t%s', n);
  columns text[] := ARRAY(SELECT live(tab));
  bad record;
  differing text;
  rows bigint;
BEGIN
  CREATE TEMP TABLE compared ON COMMIT DROP AS
  SELECT k.nth, l.position, k.operation AS kept, l.operation::text AS logged, k.limited
  FROM (SELECT row_number() OVER (ORDER BY nth) AS place, * FROM events WHERE events.tab = n) k
  FULL JOIN (SELECT row_number() OVER (ORDER BY position) AS place, * FROM logged WHERE relation = tab AND operation IN ('I', 'U', 'D')) l USING (place);
  SELECT * INTO bad FROM compared WHERE kept IS DISTINCT FROM logged ORDER BY nth, position LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'PGREALTIME_SEED=%: change % of %: % was logged as %', current_setting('gen.seed'), bad.nth, tab, bad.kept, bad.logged;
  END IF;
  SELECT * INTO bad FROM compared
  WHERE num_nonnulls(tests.logged_row(tab, position, CASE kept WHEN 'I' THEN 'old' ELSE 'new' END)) > 0 AND kept IN ('I', 'D') LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'PGREALTIME_SEED=%: change % of %: % with both rows', current_setting('gen.seed'), bad.nth, tab, bad.kept;
  END IF;
  -- A value that was cut for its size is marked as absent. This happens only to rows above the limit, and never to the key.
  EXECUTE format('SELECT s.nth, s.version, position, kept, count(*) OVER () AS differ FROM compared JOIN gen.s%s s USING (nth)
    CROSS JOIN LATERAL (SELECT CASE WHEN limited AND octet_length(s::text) > 8192 THEN tests.logged_absent(%L::regclass, position, version) ELSE ''{}'' END) cut (columns)
    WHERE (tests.logged_row(%2$L::regclass, position, version) *= ROW(%s)) IS NOT TRUE ORDER BY nth LIMIT 1', n, tab,
    (SELECT string_agg(CASE WHEN attname IN ('id', 'part') THEN format('s.%I', attname) ELSE
       format('CASE WHEN %L <> ALL (cut.columns) THEN s.%1$I END::%s', attname, format_type(atttypid, atttypmod)) END, ', ' ORDER BY attnum)
     FROM pg_attribute WHERE attrelid = tab AND attname = ANY (columns) AND attnum > 0)) INTO bad;
  IF bad.nth IS NOT NULL THEN
    EXECUTE format('SELECT string_agg(format(''%%s is %%s but was %%s'', c, left(got->>c, 200), left(kept->>c, 200)), ''; '')
      FROM (SELECT row_to_json(tests.logged_row(%L::regclass, $1, $2)) AS got, row_to_json(s) AS kept FROM gen.s%s s WHERE nth = $3 AND version = $2) AS rows,
      unnest($4) AS c WHERE got->>c IS DISTINCT FROM kept->>c', tab, n)
    INTO differing USING bad.position, bad.version, bad.nth, columns;
    RAISE EXCEPTION 'PGREALTIME_SEED=%: change % of % (%), its % row (% rows differ): %', current_setting('gen.seed'), bad.nth, tab, bad.kept, bad.version, bad.differ, differing;
  END IF;
  SELECT sum(CASE kept WHEN 'U' THEN 2 ELSE 1 END) INTO rows FROM compared;
  DROP TABLE compared;
  RETURN rows;
END $$;

-- Returns how many rows were captured and compared at least once.
CREATE FUNCTION run(tables int, rounds int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  rows bigint := 0;
BEGIN
  INSERT INTO dealt SELECT 1 + row_number() OVER (ORDER BY random()) % tables, type, value FROM kinds;
  FOR n IN 1..tables LOOP
    PERFORM make(n);
    FOR round IN 1..rounds LOOP
      PERFORM change(n, round);
      PERFORM verify(n);
      PERFORM alter_columns(n, round);
      PERFORM attach(n);
      rows := rows + CASE round WHEN rounds THEN verify(n) ELSE 0 END;
    END LOOP;
  END LOOP;
  RETURN rows;
END $$;
