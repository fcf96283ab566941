-- The tables of the many writers: one table of 15 columns, five times, each with another trigger or none.
\set ON_ERROR_STOP on
\set QUIET on
\o /dev/null
SET client_min_messages = error; -- enable warns of NOTIFY
CREATE SCHEMA written;
CREATE TABLE written.bare (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organization_id integer, owner_id integer, done boolean,
    progress numeric, weight double precision, title text, description text, status text, token uuid,
    created_at timestamptz, updated_at timestamptz, settings jsonb, due date, kind smallint
);
CREATE TABLE written.log (LIKE written.bare INCLUDING ALL);
CREATE TABLE written.outbox (LIKE written.bare INCLUDING ALL);
CREATE TABLE written.notify (LIKE written.bare INCLUDING ALL);
CREATE TABLE written.plain_notify (LIKE written.bare INCLUDING ALL);
SELECT pgrealtime.enable('written.log');
SELECT pgrealtime.enable('written.notify', sinks => '{log,notify}');

CREATE TABLE outbox (id bigserial PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), payload jsonb NOT NULL);
CREATE FUNCTION to_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (payload) VALUES (jsonb_build_object('type', TG_OP, 'table', TG_TABLE_NAME, 'record', to_jsonb(NEW)));
    RETURN NULL;
END
$$;
CREATE TRIGGER to_outbox AFTER INSERT ON written.outbox FOR EACH ROW EXECUTE FUNCTION to_outbox();

-- The cost of NOTIFY alone.
CREATE FUNCTION wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('wake', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
CREATE TRIGGER wake AFTER INSERT ON written.plain_notify FOR EACH ROW EXECUTE FUNCTION wake();
