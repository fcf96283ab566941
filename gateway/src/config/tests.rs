use super::arguments::{Arguments, Command};
use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn arguments(line: &str) -> Arguments {
    Arguments::read(std::iter::once("pgrealtime-gateway").chain(line.split_whitespace()))
        .expect(line)
}

fn read(line: &str) -> Result<Config, Error> {
    Config::read(&arguments(line).serve)
}

fn refused(line: &str) -> String {
    let error = read(line).expect_err(line).to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

/// A file that is removed at the end.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let name = format!("pgrealtime-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("a file");
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_smallest_command_line() {
    let config = read(&format!(
        "--db-uri postgresql://u@h/d --jwt-secret {SECRET}"
    ))
    .expect("a configuration");
    assert_eq!(config.database.to_string(), "u@h:5432/d");
    assert_eq!(config.keys.secret, Some(Secret::new(SECRET)));
    assert_eq!(config.roles, ["anon", "authenticated"]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:4000");
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:4001");
    assert!(config.page && config.pool_database.is_none());
    assert_eq!(config.drain, Duration::from_secs(10));
    // The defaults are written twice: for the command line, and for tests.
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn values_reach_their_fields() {
    let config = read(&format!(
        "--db-uri postgresql://u@h/d --jwt-secret {SECRET} --roles=a,,b,a --roles c --max-sockets 7 --lag-seconds 0.5 \
         --api-key 0123456789abcdef===a --api-key sb_secret_0123456789=c --require-claim iss=https://a/?b=c --pool-size 3 \
         --pool-uri postgresql://u@pooler:6432/d --jwks {{\"keys\":[]}} --log pgrealtime_gateway=debug,warn --log-format json"
    ))
    .expect("a configuration");
    assert_eq!(config.roles, ["a", "b", "c"]);
    assert_eq!(config.limits.sockets, 7);
    assert_eq!(config.limits.lag, Duration::from_millis(500));
    let keys: Vec<_> = config
        .keys
        .api_keys
        .iter()
        .map(|key| (key.key.reveal(), key.role.as_str()))
        .collect();
    assert_eq!(
        keys,
        [("0123456789abcdef==", "a"), ("sb_secret_0123456789", "c")]
    );
    assert_eq!(
        config.keys.required_claims,
        [("iss".to_string(), "https://a/?b=c".to_string())]
    );
    assert_eq!(config.pool_size, 3);
    let pool = config.pool_database.expect("another way");
    assert_eq!(pool.to_string(), "u@pooler:6432/d");
    assert_eq!(config.log.format, LogFormat::Json);
    let jwks = config.keys.jwks.expect("a JWKS");
    assert_eq!(jwks.place, JwksPlace::Text("{\"keys\":[]}".to_string()));
}

#[test]
fn secrets_come_from_files() {
    let secret = File::new("secret", &format!("\n{SECRET}\n"));
    let uri = File::new("uri", "postgresql://u:p@h/d\n");
    let keys = File::new(
        "keys",
        "# who\nsb_publishable_1234=anon\n\n sb_secret_56789012 = authenticated \n",
    );
    let config = read(&format!(
        "--db-uri-file {} --jwt-secret-file {} --api-keys-file {}",
        uri.0.display(),
        secret.0.display(),
        keys.0.display()
    ))
    .expect("a configuration");
    assert_eq!(config.keys.secret, Some(Secret::new(SECRET)));
    assert_eq!(config.database.password, Some(Secret::new("p")));
    assert_eq!(
        config.keys.api_keys[1].key,
        Secret::new("sb_secret_56789012")
    );
    assert_eq!(config.keys.api_keys[1].role, "authenticated");
    let shown = format!("{config:?}");
    for hidden in [SECRET, "sb_secret", "sb_publishable", ":p@", "\"p\""] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn what_is_refused_says_what_to_do() {
    let empty = File::new("empty", "\n");
    let good = format!("--db-uri postgresql://u@h/d --jwt-secret {SECRET}");
    for (line, why) in [
        (format!("--jwt-secret {SECRET}"), "give --db-uri"),
        (
            "--db-uri postgresql://u@h/d".to_string(),
            "give --jwt-secret-file, --jwks or --api-key",
        ),
        (
            "--db-uri postgresql://u@h/d --jwt-secret short".to_string(),
            "has 5 bytes, and HS256 needs at least 32",
        ),
        (
            "--db-uri postgresql://u@h/d --jwt-secret-file /not/there".to_string(),
            "--jwt-secret-file cannot read /not/there: No such file",
        ),
        (
            format!(
                "--db-uri postgresql://u@h/d --jwt-secret-file {}",
                empty.0.display()
            ),
            "is empty",
        ),
        (
            format!("{good} --jwt-secret-file /x"),
            "--jwt-secret and --jwt-secret-file are both given",
        ),
        (
            format!("{good} --db-uri-file /x"),
            "--db-uri and --db-uri-file are both given",
        ),
        (
            format!("{good} --jwks /not/there.json"),
            "--jwks cannot read /not/there.json",
        ),
        (format!("{good} --roles ,"), "--roles names no role"),
        (
            format!("{good} --api-key 0123456789abcdef"),
            "--api-key number 1 is not of the form KEY=ROLE",
        ),
        (
            format!("{good} --api-key 0123456789abcdef=anon --api-key =anon"),
            "--api-key number 2 is not",
        ),
        (format!("{good} --api-key short=anon"), "could be guessed"),
        (
            format!("{good} --api-key 0123456789abcdef=root"),
            "has role \"root\", which --roles does not name",
        ),
        (
            format!("{good} --require-claim iss"),
            "--require-claim: \"iss\" is not of the form CLAIM=VALUE",
        ),
        (
            format!("{good} --listen 127.0.0.1:4001"),
            "they need two ports",
        ),
        (format!("{good} --log pgrealtime_gateway=loud"), "--log: "),
        (
            "--db-uri mysql://x --jwt-secret x".to_string(),
            "the database's URI: it begins with neither",
        ),
    ] {
        let error = refused(&line);
        assert!(error.contains(why), "{line}: {error}");
        assert!(!error.contains(SECRET), "{error}");
    }
}

#[test]
fn clap_refuses_values_of_the_wrong_type() {
    for line in [
        "--listen here",
        "--listen 127.0.0.1",
        "--pool-size 0",
        "--lag-seconds -1",
        "--lag-seconds NaN",
        "--max-sockets many",
        "--log-format xml",
        "unknown",
    ] {
        let line = std::iter::once("pgrealtime-gateway").chain(line.split_whitespace());
        assert!(Arguments::read(line.clone()).is_err(), "{line:?}");
    }
}

#[test]
fn commands() {
    assert!(arguments("").command.is_none());
    let Some(Command::Serve(serve)) = arguments("serve --pool-size 5").command else {
        panic!("no serve");
    };
    assert_eq!(serve.network.pool_size, 5);
    let Some(Command::Setup(setup)) = arguments("setup --run --roles a,b").command else {
        panic!("no setup");
    };
    assert!(setup.run && !setup.create_roles);
    assert_eq!(setup.login_role, "pgrealtime_gateway");
    assert_eq!(setup.roles, ["a", "b"]);
    assert!(matches!(
        arguments("check").command,
        Some(Command::Check(_))
    ));
}

/// --db-uri is PGREALTIME_DB_URI, and the help does not print what that holds.
#[test]
fn every_flag_has_its_variable() {
    use clap::CommandFactory;
    let mut checked = 0;
    for argument in Arguments::command().get_arguments() {
        let Some(flag) = argument
            .get_long()
            .filter(|flag| !["help", "version"].contains(flag))
        else {
            continue;
        };
        let variable = argument
            .get_env()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let name = format!("PGREALTIME_{}", flag.to_uppercase().replace('-', "_"));
        // A variable holds all of them.
        assert!(
            variable == name || variable == format!("{name}S"),
            "--{flag}: {variable}"
        );
        assert!(
            argument.get_help().is_some() && argument.get_help_heading().is_some(),
            "--{flag}"
        );
        checked += 1;
    }
    assert!(checked > 25, "{checked}");
}
