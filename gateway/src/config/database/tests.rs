use super::*;
use std::os::unix::fs::PermissionsExt;

fn nothing(_: &str) -> Option<String> {
    None
}

fn read(text: &str) -> Database {
    Database::read_with(text, &nothing).expect(text)
}

fn refused(text: &str) -> String {
    match Database::read_with(text, &nothing) {
        Ok(database) => panic!("{text} is taken for {database}"),
        Err(error) => error.to_string(),
    }
}

fn host(name: &str, port: u16) -> Host {
    Host {
        name: name.to_string(),
        address: None,
        port,
    }
}

#[test]
fn the_parts_of_a_uri() {
    let read = read("postgresql://o%27brien:p%40ss%3A%2F@db1:5433,[::1],%2Frun%2Fpg:7/my%20app?sslmode=verify-full&sslrootcert=/ca.pem&target_session_attrs=read-write&connect_timeout=3&keepalives_idle=9&options=-c%20geqo%3Doff");
    assert_eq!(
        read.hosts,
        [host("db1", 5433), host("::1", 5432), host("/run/pg", 7)]
    );
    assert_eq!(
        (read.user.as_str(), read.name.as_str()),
        ("o'brien", "my app")
    );
    assert_eq!(read.password, Some(Secret::new("p@ss:/")));
    assert_eq!(read.tls.mode, TlsMode::VerifyFull);
    assert_eq!(read.tls.roots, Some(Roots::File("/ca.pem".into())));
    assert_eq!(read.session, Session::ReadWrite);
    assert_eq!(read.connect_timeout, Duration::from_secs(3));
    assert_eq!(read.keepalives.idle, Some(Duration::from_secs(9)));
    assert_eq!(read.options.as_deref(), Some("-c geqo=off"));
    assert_eq!(
        read.to_string(),
        "o'brien@db1:5433,::1:5432,/run/pg:7/my app"
    );
    assert!(read.hosts[2].is_local() && !read.hosts[0].is_local());
}

#[test]
fn the_parts_of_a_list_of_words() {
    let read = read(r"host=a,b port = 6000  user='it\'s \\ me' password=x\ y dbname=''");
    assert_eq!(read.hosts, [host("a", 6000), host("b", 6000)]);
    assert_eq!(read.user, r"it's \ me");
    assert_eq!(read.password, Some(Secret::new("x y")));
    assert_eq!(read.name, read.user);
}

#[test]
fn defaults_and_the_environment_of_libpq() {
    let plain = read("postgres://me@db");
    assert_eq!(
        (plain.name.as_str(), plain.hosts),
        ("me", vec![host("db", 5432)])
    );
    assert_eq!(plain.tls, Tls::default());
    assert_eq!(plain.application_name, "pgrealtime-gateway");
    let environment = |name: &str| {
        let value = match name {
            "PGHOST" => "h1,h2",
            "PGPORT" => "1,2",
            "PGUSER" => "u",
            "PGPASSWORD" => "secret",
            "PGSSLMODE" => "require",
            "PGDATABASE" => "",
            _ => return None,
        };
        Some(value.to_string())
    };
    let read = Database::read_with("", &environment).expect("the environment");
    assert_eq!(read.hosts, [host("h1", 1), host("h2", 2)]);
    assert_eq!((read.name.as_str(), read.tls.mode), ("u", TlsMode::Require));
    // What the string says counts more; a port of the environment is for hosts of the environment, too.
    let read =
        Database::read_with("postgresql://x@y:9/z?sslmode=disable", &environment).expect("both");
    assert_eq!(read.to_string(), "x@y:9/z");
    assert_eq!(read.tls.mode, TlsMode::Disable);
}

#[test]
fn certificates_make_require_verify_them() {
    let mode = |text: &str| read(text).tls.mode;
    assert_eq!(mode("host=h user=u sslmode=require"), TlsMode::Require);
    assert_eq!(
        mode("host=h user=u sslmode=require sslrootcert=/ca"),
        TlsMode::VerifyCa
    );
    assert_eq!(
        mode("host=h user=u sslrootcert=system"),
        TlsMode::VerifyFull
    );
    assert_eq!(mode("postgres://u@h?ssl=true"), TlsMode::Require);
    assert!(refused("host=h user=u sslmode=require sslrootcert=system").contains("verify-full"));
    assert!(refused("host=h user=u sslcert=/c").contains("without sslkey"));
    assert!(refused("host=h user=u sslkey=/c").contains("without sslcert"));
    assert!(refused("host=h user=u sslnegotiation=direct").contains("sslmode=require"));
}

#[test]
fn what_is_refused_says_why() {
    for (text, why) in [
        ("", "names no user"),
        ("mysql://u@h/d", "begins with neither"),
        ("localhost", "neither a URI"),
        ("postgresql://h/d", "names no user"),
        ("postgresql://u@h:port/d", "not a number from 1"),
        ("postgresql://u@h:0/d", "not a number from 1"),
        ("postgresql://u@[::1/d", "has no ]"),
        ("postgresql://u@h/d?sslmode=verify", "verify-full"),
        ("postgresql://u@h/d?sslmode", "has no value"),
        ("postgresql://u@h/d?pgbouncer=true", "pgbouncer"),
        (
            "postgresql://u@h/d?connect_timeout=soon",
            "connect_timeout is not a number",
        ),
        ("postgresql://u@h/%ff", "no UTF-8"),
        ("postgresql://u@h/a%00b", "zero byte"),
        ("host=a,b,c port=1,2 user=u", "3 hosts, but 2 ports"),
        ("host=a,b hostaddr=::1 user=u", "2 hosts, but 1 in hostaddr"),
        ("hostaddr=a user=u", "no IP address"),
        ("host='a user=u", "no closing quote"),
        ("host=a user=u target_session_attrs=primary2", "read-write"),
    ] {
        let error = refused(text);
        assert!(error.contains(why), "{text}: {error}");
        assert!(!error.contains('\n'));
    }
}

#[test]
fn passwords_are_never_shown() {
    let read = read("postgresql://u:hunter2@h/d");
    let shown = format!("{read:?} {read}");
    assert!(!shown.contains("hunter2"), "{shown}");
    for text in [
        "postgresql://u:hunter2@h:port/d",
        "postgresql://u:hunter2/x@h/d",
        "postgresql://u:x?hunter2@h/d",
        "postgresql://u:x?hunter2=@h/d",
        "postgresql://u:hunter2@h/d?what=1",
        "host=h user=u password='hunter2",
    ] {
        assert!(!refused(text).contains("hunter2"), "{text}");
    }
}

#[test]
fn the_password_file() {
    let path = std::env::temp_dir().join(format!("pgrealtime-passfile-{}", std::process::id()));
    let lines = "# a comment\nh:1:d:u:one\nh:*:*:other:two\nlocalhost:5432:*:u:of\\:socket\\\\\n*:*:*:u:any:more\n";
    std::fs::write(&path, lines).expect("a file");
    let allow = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).expect("the file");
    };
    allow(0o600);
    let text = format!("user=u dbname=d passfile='{}'", path.display());
    let mut database = read(&text);
    let find = |database: &Database, name: &str, port| {
        let found = database.password_for(&host(name, port));
        found.map(|password| password.reveal().to_string())
    };
    assert_eq!(find(&database, "h", 1).as_deref(), Some("one"));
    assert_eq!(find(&database, "h", 2).as_deref(), Some("any:more"));
    assert_eq!(
        find(&database, "/run", 5432).as_deref(),
        Some("of:socket\\")
    );
    allow(0o640);
    assert_eq!(find(&database, "h", 1), None);
    allow(0o600);
    database.user = "nobody".to_string();
    assert_eq!(find(&database, "h", 1), None);
    database.password = Some(Secret::new("given"));
    assert_eq!(find(&database, "h", 1).as_deref(), Some("given"));
    std::fs::remove_file(&path).expect("the file");
}
