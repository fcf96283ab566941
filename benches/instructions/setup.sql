CREATE EXTENSION pgrealtime;

CREATE TABLE source (
    id bigint PRIMARY KEY, organization_id integer, owner_id integer, done boolean, progress numeric, weight double precision,
    title text, description text, status text, token uuid, created_at timestamptz, updated_at timestamptz,
    settings jsonb, due date, kind smallint
);

INSERT INTO source
SELECT i, i % 97, i % 1009, i % 3 = 0, i * 1.25, i / 7.0, 'Objective number ' || i,
       'What is to be reached in this quarter, told in a sentence of ordinary length: ' || i, 'in_progress',
       md5(i::text)::uuid, now(), now(), '{"color": "blue", "watchers": [1, 2, 3]}', date '2026-01-01' + i % 300, i % 5
FROM generate_series(1, 20000) AS i;

CREATE TABLE captured (LIKE source INCLUDING ALL);

CREATE TABLE filled (LIKE source INCLUDING ALL);

INSERT INTO filled SELECT * FROM source;

SELECT pgrealtime.enable('captured');

SELECT pgrealtime.enable('filled');

VACUUM FREEZE;

