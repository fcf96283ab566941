//! What sessions do: every function of the extension, DDL that it follows.

use crate::pg::quote;
use crate::random::Random;

/// A session's own tables, which it enables, moves and takes apart.
pub fn setup(number: u64) -> String {
    format!(
        "CREATE TABLE toggled_{number} (id bigint PRIMARY KEY, org int, pad text);
         CREATE TABLE moved_{number} (id bigint PRIMARY KEY, org int, pad text);
         CREATE TABLE tree_{number} (id bigint, day int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
         CREATE TABLE tree_{number}_1 PARTITION OF tree_{number} FOR VALUES IN (1);
         ALTER TABLE toggled_{number} OWNER TO app;
         ALTER TABLE moved_{number} OWNER TO app;
         ALTER TABLE tree_{number} OWNER TO app;
         ALTER TABLE tree_{number}_1 OWNER TO app;
         SELECT pgrealtime.enable('moved_{number}', columns => '{{org}}');
         SELECT pgrealtime.enable('tree_{number}');
         ALTER PUBLICATION supabase_realtime OWNER TO app;
         SET ROLE app;
         SELECT pgrealtime.create_consumer('worker_{number}');
         RESET ROLE;"
    )
}

/// Statements that read, with a cursor and the session's number filled in.
const READS: [&str; 26] = [
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{journal}', max_changes => 300)",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{journal}', filter => 'pad=like.a%,id=gt.10', events => '{INSERT}', columns => '{pad}', max_changes => 300)",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{journal}', max_changes => 300, net => true)",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{told,parts}', max_changes => 300)",
    "SELECT count(*) FROM pgrealtime.changes_since(FROM_HERE, '{journal,told}', max_changes => 100)",
    "SELECT pgrealtime.current_cursor()",
    "SELECT pgrealtime.wait_for_changes(FROM_HERE, '{journal}', '20 ms')",
    "SELECT pgrealtime.check_filter('journal', 'or=(pad.eq.x,id.in.(1,2,3)),pad=imatch.^a')",
    "SELECT count(*) FROM pgrealtime.diagnose('journal', 'app', '{\"sub\": \"x\"}', 'pad=neq.y')",
    "SELECT count(*) FROM pgrealtime.diagnose('parts')",
    "SELECT count(*) FROM pgrealtime.realtime_configuration",
    "SELECT pgrealtime.is_realtime_enabled('public.journal')",
    "SELECT count(*) FROM pgrealtime.get_user_realtime_tables()",
    "SELECT count(*) FROM pgrealtime.log_status",
    "SELECT pgrealtime.change_message('UPDATE', t, t) FROM told AS t WHERE id % 50 = 0",
    "SELECT count(*), sum(pgrealtime.relation_size(relation)) FROM pgrealtime.realtime_tables()",
    "SELECT pgrealtime.log_retention()",
    "SELECT pgrealtime.policies_over_other_rows('journal')",
    "SELECT pgrealtime.prune()",
    "SELECT count(*) FROM journal WHERE id < 100",
    "SELECT count(*) FROM pgrealtime.subscribe('journal', 'id=gt.10')",
    "SELECT pgrealtime.resubscribe(subscription, claims => '{\"sub\": \"x\"}') FROM pgrealtime.subscribe('told')",
    "SELECT pgrealtime.unsubscribe(array_agg(id)) FROM generate_series(1, 10000) AS id WHERE id % 3 > 0",
    "SELECT count(*) FROM pgrealtime.fan_out(FROM_HERE, 300)",
    "SELECT pgrealtime.is_row_allowed('journal', 'INSERT', '{\"id\": 1}')",
    "SELECT count(*) FROM pgrealtime.consumers(true)",
];

/// DDL, and other statements that change a session's own tables. Each checks the current state itself.
const CHANGES: [&str; 15] = [
    "SELECT pgrealtime.enable('toggled_N', priority => 'high', row_filter => 'org=eq.1')",
    "SELECT pgrealtime.enable('toggled_N', row_filter => '', columns => '{org}', deletes => 'key', payload => 'key')",
    "SELECT pgrealtime.disable('toggled_N')",
    "INSERT INTO toggled_N SELECT coalesce(max(id), 0) + 1, 1, 'x' FROM toggled_N",
    "TRUNCATE toggled_N",
    "DO $do$ BEGIN IF to_regclass('public.moved_N') IS NULL THEN ALTER TABLE elsewhere.moved_N SET SCHEMA public; ELSE ALTER TABLE public.moved_N SET SCHEMA elsewhere; END IF; END $do$",
    "DO $do$ BEGIN IF to_regclass('public.toggled_N') IS NULL THEN ALTER TABLE toggling_N RENAME TO toggled_N; ELSE ALTER TABLE toggled_N RENAME TO toggling_N; ALTER TABLE toggling_N RENAME TO toggled_N; END IF; END $do$",
    "DO $do$ DECLARE t text := coalesce(to_regclass('public.moved_N'), to_regclass('elsewhere.moved_N')); BEGIN EXECUTE 'ALTER TABLE ' || t || ' RENAME org TO org_2'; EXECUTE 'ALTER TABLE ' || t || ' RENAME org_2 TO org'; END $do$",
    "DO $do$ BEGIN IF to_regclass('tree_N_2') IS NULL THEN CREATE TABLE tree_N_2 PARTITION OF tree_N FOR VALUES IN (2); ELSE DROP TABLE tree_N_2; END IF; END $do$",
    "DO $do$ BEGIN IF (SELECT relispartition FROM pg_class WHERE oid = 'tree_N_1'::regclass) THEN ALTER TABLE tree_N DETACH PARTITION tree_N_1; ELSE ALTER TABLE tree_N ATTACH PARTITION tree_N_1 FOR VALUES IN (1); END IF; END $do$",
    "DO $do$ BEGIN ALTER TABLE toggled_N ADD COLUMN more int; ALTER TABLE toggled_N DROP COLUMN more; END $do$",
    "DO $do$ BEGIN CREATE TABLE brief_N (id int PRIMARY KEY); PERFORM pgrealtime.enable('brief_N'); INSERT INTO brief_N VALUES (1); DROP TABLE brief_N; END $do$",
    "SELECT count(*) FROM pgrealtime.consume('worker_N', '{journal}', max_changes => 300)",
    "SELECT pgrealtime.move_consumer('worker_N')",
    "DO $do$ BEGIN PERFORM pgrealtime.drop_consumer('worker_N'); PERFORM pgrealtime.create_consumer('worker_N'); END $do$",
];

/// Statements that run only in transactions that are rolled back.
const UNDONE: [&str; 3] = [
    "SELECT pgrealtime.invalidate_cursors()",
    "SELECT pgrealtime.disable('journal')",
    "SELECT count(*) FROM pgrealtime.repair()",
];

/// All of it, to see that no function is forgotten.
pub fn everything() -> String {
    [READS.join("\n"), CHANGES.join("\n"), UNDONE.join("\n")].join("\n")
}

/// A statement that reads, from a cursor on.
pub fn read(random: &mut Random, cursor: &str) -> String {
    random.pick(&READS).replace("FROM_HERE", &quote(cursor))
}

/// A statement that changes the session's own tables.
pub fn change(random: &mut Random, number: u64) -> String {
    random.pick(&CHANGES).replace("_N", &format!("_{number}"))
}

/// A statement whose transaction must be rolled back.
pub fn undone(random: &mut Random) -> String {
    random.pick(&UNDONE).to_string()
}

/// Opens a cursor on changes and reads a little of it, within a transaction.
pub fn portal(random: &mut Random, cursor: &str) -> String {
    let name = random.below(1_000_000);
    format!(
        "DECLARE c{name} CURSOR FOR SELECT * FROM pgrealtime.changes_since({}, '{{journal}}', max_changes => 50); FETCH 3 FROM c{name}",
        quote(cursor)
    )
}
