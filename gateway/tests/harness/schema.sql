-- The application of the tests: two or more tenants, users, what anybody may read, and what nobody may.

-- What a request says of itself.
CREATE FUNCTION claim(name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> name
$$;

-- Anybody may read it, also without signing in.
CREATE TABLE board (
    id bigint PRIMARY KEY,
    label text,
    value numeric
);

-- Each tenant sees its own.
CREATE TABLE notes (
    id bigint PRIMARY KEY,
    tenant text NOT NULL,
    title text,
    status text,
    score integer,
    body text
);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notes FOR SELECT TO authenticated USING (tenant = claim('tenant'));

-- Each user sees his own, and nobody the column `hidden`.
CREATE TABLE letters (
    id bigint PRIMARY KEY,
    owner text NOT NULL,
    subject text,
    hidden text
);
ALTER TABLE letters ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON letters FOR SELECT TO authenticated USING (owner = claim('sub'));

-- Seen by the members of its room.
CREATE TABLE members (room integer, member text, PRIMARY KEY (room, member));
CREATE TABLE talks (
    id bigint PRIMARY KEY,
    room integer NOT NULL,
    line text
);
ALTER TABLE talks ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON talks FOR SELECT TO authenticated
    USING (EXISTS (SELECT FROM members AS m WHERE m.room = talks.room AND m.member = claim('sub')));

-- One column for each kind of value and operator.
CREATE TYPE mood AS ENUM ('calm', 'glad');
CREATE TABLE kinds (
    id bigint PRIMARY KEY,
    small smallint,
    large bigint,
    exact numeric(12, 4),
    ratio double precision,
    flag boolean,
    name text,
    short varchar(20),
    fixed char(5),
    mood mood,
    key uuid,
    day date,
    moment timestamptz,
    local timestamp,
    document jsonb,
    list text[],
    numbers integer[],
    bytes bytea,
    span int4range
);

-- Names that need quotes, in a schema that does, too.
CREATE SCHEMA "Other, schema";
CREATE TABLE "Other, schema"."Tab""le ünd_%" ("Id" bigint PRIMARY KEY, "a,b" text);

CREATE SCHEMA hr;
CREATE TABLE hr.people (id bigint PRIMARY KEY, name text);
CREATE TABLE hr.pay (id bigint PRIMARY KEY, amount numeric);

-- Not enabled.
CREATE TABLE plain (id bigint PRIMARY KEY, label text);

SELECT pgrealtime.enable(name)
FROM unnest('{board,notes,letters,talks,kinds,hr.people,hr.pay,"\"Other, schema\".\"Tab\"\"le ünd_%\""}'::regclass[]) AS name;

GRANT USAGE ON SCHEMA public, hr, "Other, schema" TO anon, authenticated;
GRANT SELECT ON board, kinds, plain TO anon, authenticated;
GRANT SELECT ON notes, talks, members, "Other, schema"."Tab""le ünd_%", hr.people TO authenticated;
GRANT SELECT (id, owner, subject) ON letters TO authenticated;
