-- Creating and dropping the extension.
CREATE EXTENSION pgrealtime;
SELECT extname, extrelocatable FROM pg_extension WHERE extname = 'pgrealtime';

-- The schema belongs to a superuser; others may use it but create nothing in it.
SELECT a.rolsuper AS owner_is_superuser,
       has_schema_privilege('pg_monitor', n.oid, 'USAGE') AS others_use,
       has_schema_privilege('pg_monitor', n.oid, 'CREATE') AS others_create,
       n.nspacl
FROM pg_namespace n JOIN pg_roles a ON a.oid = n.nspowner
WHERE nspname = 'pgrealtime';
CREATE ROLE regress_extension_user;
SET ROLE regress_extension_user;
CREATE TABLE pgrealtime.planted (a int);
RESET ROLE;
DROP ROLE regress_extension_user;

DROP EXTENSION pgrealtime;
SELECT count(*) FROM pg_namespace WHERE nspname = 'pgrealtime';

-- A database in another encoding than UTF8 is refused, with SQLSTATE 0A000.
\set own_database :DBNAME
CREATE DATABASE regress_latin1 ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C';
\c regress_latin1
SET client_encoding = 'UTF8';
\set SHOW_CONTEXT never
CREATE EXTENSION pgrealtime;
\set VERBOSITY sqlstate
CREATE EXTENSION pgrealtime;
\set VERBOSITY default
SELECT count(*) FROM pg_extension WHERE extname = 'pgrealtime';
SELECT count(*) FROM pg_namespace WHERE nspname = 'pgrealtime';
\c :own_database
DROP DATABASE regress_latin1;
