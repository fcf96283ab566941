//! The extension decides under locks with whose rights it works.

use crate::cluster::Cluster;
use crate::pg::{Client, Server};
use crate::{check, part, Outcome};

/// The code that mallory wants to run with the rights of a superuser.
const EVIL: &str = "CREATE FUNCTION evil.evil() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN NEW; END $$";

const MESSAGES: &str = "(topic text, extension text, payload jsonb, event text, private boolean)";

const TRIGGER: &str = "FOR EACH ROW EXECUTE FUNCTION evil.evil()";

pub fn run() -> Outcome {
    let cluster = Cluster::from_environment();
    let mut admin = cluster.server.connect()?;
    admin.run("CREATE ROLE mallory; CREATE ROLE owner")?;
    let with = |name: &str, setup: &str, attack: fn(&mut Scene) -> Outcome| {
        part(name, || attack(&mut Scene::new(&cluster.server, setup)?))
    };
    let plain = format!("CREATE TABLE realtime.messages {MESSAGES}");
    let parted = format!(
        "CREATE TABLE realtime.messages {MESSAGES} PARTITION BY LIST (topic);
         CREATE TABLE realtime.messages_1 PARTITION OF realtime.messages DEFAULT;
         GRANT TRIGGER ON realtime.messages_1 TO mallory"
    );
    with("a trigger that is not committed yet", &plain, uncommitted)?;
    with("on a partition", &parted, uncommitted_below)?;
    with(
        "a trigger that the writer's snapshot does not see",
        &plain,
        unseen,
    )?;
    with("the table made again", &plain, made_again)?;
    with("the table in a schema of the same name", &plain, renamed)?;
    with("a function that gets another owner", &plain, handed_over)
}

/// A database in which a superuser broadcasts by his own table, in a schema of mallory's.
struct Scene {
    writer: Client,
    mallory: Client,
    watcher: Client,
}

impl Scene {
    fn new(server: &Server, setup: &str) -> Result<Scene, String> {
        let mut admin = server.connect()?;
        admin.run("DROP DATABASE IF EXISTS rights")?;
        admin.run("CREATE DATABASE rights")?;
        let server = server.database("rights");
        let mut writer = server.connect()?;
        writer.run(&format!(
            "CREATE EXTENSION pgrealtime; GRANT CREATE ON DATABASE rights TO mallory;
             CREATE SCHEMA realtime AUTHORIZATION mallory; CREATE SCHEMA evil AUTHORIZATION mallory;
             {setup};
             GRANT TRIGGER ON realtime.messages TO mallory;
             CREATE TABLE sent (id int PRIMARY KEY);
             SELECT pgrealtime.enable('sent', sinks => '{{broadcast}}', broadcast_topic => 'all');
             INSERT INTO sent VALUES (1)"
        ))?;
        let mut mallory = server.connect()?;
        mallory.run("SET SESSION AUTHORIZATION mallory")?;
        mallory.run(EVIL)?;
        Ok(Scene {
            writer,
            mallory,
            watcher: server.connect()?,
        })
    }

    /// Mallory has an uncommitted change: a writer waits for it, and then decides by what is committed.
    fn overtake(&mut self) -> Outcome {
        self.writer
            .send_to_wait("INSERT INTO sent VALUES (2)", &mut self.watcher)?;
        self.mallory.run("COMMIT")?;
        self.writer.receive()?;
        self.held(2)
    }

    /// Mallory has gained no rights, and the writes succeeded.
    fn held(&mut self, rows: u32) -> Outcome {
        let superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'";
        let superuser = self.watcher.value(superuser)? == "t";
        self.watcher.run("ALTER ROLE mallory NOSUPERUSER")?;
        check(!superuser, || "mallory is a superuser".to_string())?;
        let written = self.watcher.value("SELECT count(*) FROM sent")?;
        check(written == rows.to_string(), || {
            format!("{written} rows were written")
        })
    }

    fn undelivered(&mut self, count: &str) -> Outcome {
        let sql = "SELECT undelivered ->> 'public.sent' FROM pgrealtime.log_status";
        let found = self.watcher.value(sql)?;
        check(found == count, || {
            format!("{found:?} messages are undelivered, not {count:?}")
        })
    }
}

fn uncommitted(scene: &mut Scene) -> Outcome {
    scene.mallory.run(&format!(
        "BEGIN; CREATE TRIGGER evil AFTER INSERT ON realtime.messages {TRIGGER}"
    ))?;
    scene.overtake()?;
    scene.undelivered("1")
}

fn uncommitted_below(scene: &mut Scene) -> Outcome {
    scene.mallory.run(&format!(
        "BEGIN; CREATE TRIGGER evil AFTER INSERT ON realtime.messages_1 {TRIGGER}"
    ))?;
    scene.overtake()?;
    scene.undelivered("1")
}

/// In REPEATABLE READ the current triggers run, not those of the snapshot.
fn unseen(scene: &mut Scene) -> Outcome {
    scene
        .writer
        .run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM sent")?;
    scene.mallory.run(&format!(
        "CREATE TRIGGER evil AFTER INSERT ON realtime.messages {TRIGGER}"
    ))?;
    scene.writer.run("INSERT INTO sent VALUES (2); COMMIT")?;
    scene.held(2)?;
    scene.undelivered("1")
}

/// The owner of a schema may drop objects in it. Objects that he creates in their place are his own.
fn made_again(scene: &mut Scene) -> Outcome {
    scene.mallory.run(&format!(
        "BEGIN; DROP TABLE realtime.messages; CREATE TABLE realtime.messages {MESSAGES};
         CREATE TRIGGER evil AFTER INSERT ON realtime.messages {TRIGGER}"
    ))?;
    scene.overtake()?;
    scene.undelivered("1")
}

/// To rename a schema takes no lock on its tables; mallory holds one, so that the writer waits in between.
fn renamed(scene: &mut Scene) -> Outcome {
    scene.mallory.run(&format!(
        "BEGIN; CREATE TRIGGER quiet AFTER INSERT ON realtime.messages {TRIGGER}"
    ))?;
    scene.mallory.run(&format!(
        "ALTER SCHEMA realtime RENAME TO before; CREATE SCHEMA realtime; CREATE TABLE realtime.messages {MESSAGES};
         CREATE TRIGGER evil AFTER INSERT ON realtime.messages {TRIGGER}"
    ))?;
    scene.overtake()?;
    scene.undelivered("1")
}

/// The function of the owner's own trigger gets mallory as its owner, who then replaces its body.
fn handed_over(scene: &mut Scene) -> Outcome {
    scene.writer.run(
        "REVOKE TRIGGER ON realtime.messages FROM mallory;
         CREATE FUNCTION realtime.quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER quiet AFTER INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.quiet();
         INSERT INTO sent VALUES (2)",
    )?;
    scene
        .watcher
        .run("BEGIN; ALTER FUNCTION realtime.quiet OWNER TO mallory")?;
    // The superuser's watching session acts as mallory, to save a fourth session.
    scene.mallory.run("RESET SESSION AUTHORIZATION")?;
    let insert = "INSERT INTO sent VALUES (3)";
    scene.writer.send_to_wait(insert, &mut scene.mallory)?;
    scene.watcher.run(
        "CREATE OR REPLACE FUNCTION realtime.quiet() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN NEW; END $$; COMMIT",
    )?;
    scene.writer.receive()?;
    scene.held(3)?;
    scene.undelivered("1")
}
