//! The command line. Each flag has an environment variable: --db-uri is PGREALTIME_DB_URI.

use super::limits::{seconds, Limits};
use super::secret::Secret;
use clap::builder::Resettable;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
First time, with the extension's files installed on the database server:
  # make the login role, its rights, and the roles of --roles where there are none; without --run the SQL is printed
  pgrealtime-gateway setup --run --create-roles --db-uri postgresql://postgres@db/app
  # give the login role its password
  psql -h db -U postgres -c '\\password pgrealtime_gateway'
  # the secret that your authentication server signs tokens with, or: openssl rand -base64 48 > secret
  pgrealtime-gateway check --db-uri postgresql://pgrealtime_gateway:PASSWORD@db/app --jwt-secret-file secret

Then:
  pgrealtime-gateway --db-uri-file uri --jwt-secret-file secret --listen 0.0.0.0:4000
  curl http://127.0.0.1:4001/ready

Clients use http://127.0.0.1:4000 as the URL of supabase-js. TLS to clients is a proxy's (nginx, Caddy, a load balancer).";

/// Serves the changes of Postgres tables to browsers and apps: supabase-js unmodified, and server-sent events.
///
/// The database has the extension pgrealtime. Each client receives what the policies and privileges of its token's role
/// let it SELECT. The gateway keeps no state: run any number of them, on the primary or on standbys.
#[derive(Debug, Parser)]
#[command(name = "pgrealtime-gateway", version, after_help = "See --help for more, with examples.", after_long_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(flatten)]
    pub serve: ServeArguments,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve clients until SIGTERM or SIGINT (this is what happens without a command)
    Serve(Box<ServeArguments>),
    /// Print the SQL that a database needs once, or run it with --run
    Setup(SetupArguments),
    /// Check the configuration and the database, and say what to do about problems
    Check(Box<ServeArguments>),
}

/// Where the database is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArguments {
    /// The database: a URI (postgresql://user@host/database) or a connection string, as for psql
    ///
    /// The gateway logs in as a role of its own (see `pgrealtime-gateway setup`). The connection must be a direct one,
    /// or through a pooler in session mode. What is left out is taken from PGHOST, PGPORT, PGUSER, PGDATABASE,
    /// PGPASSWORD, PGPASSFILE, PGSSLMODE, PGSSLROOTCERT, PGSSLCERT, PGSSLKEY, PGTARGETSESSIONATTRS, PGCONNECT_TIMEOUT.
    ///
    /// Parameters, as of libpq:
    ///   sslmode          disable, allow, prefer (default), require, verify-ca, verify-full
    ///   sslrootcert      a file of certificates, or `system` (default for verify-…: ~/.postgresql/root.crt, else the system's)
    ///   sslcert, sslkey  a certificate of the gateway's
    ///   target_session_attrs, load_balance_hosts
    ///                    for several hosts (postgresql://user@one,two/app): any, read-write, read-only; disable, random
    ///   connect_timeout  seconds (default 10); tcp_user_timeout, keepalives, keepalives_idle, …_interval, …_count
    ///   passfile, options, application_name, channel_binding, sslnegotiation, hostaddr
    #[arg(
        long,
        env = "PGREALTIME_DB_URI",
        value_name = "URI",
        verbatim_doc_comment
    )]
    pub db_uri: Option<Secret>,

    /// A file with the database's URI, for URIs with a password
    #[arg(long, env = "PGREALTIME_DB_URI_FILE", value_name = "FILE")]
    pub db_uri_file: Option<PathBuf>,
}

/// Another way to the same database.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Database")]
pub struct PoolArguments {
    /// Where catch-ups, snapshots and the page's questions go instead, such as PgBouncer in transaction mode
    ///
    /// It must lead to the same server and database as --db-uri. The one connection that holds the subscriptions always
    /// takes --db-uri.
    #[arg(long, env = "PGREALTIME_POOL_URI", value_name = "URI")]
    pub pool_uri: Option<Secret>,

    /// A file with that URI
    #[arg(long, env = "PGREALTIME_POOL_URI_FILE", value_name = "FILE")]
    pub pool_uri_file: Option<PathBuf>,
}

/// Which tokens are accepted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tokens")]
pub struct TokenArguments {
    /// The secret that tokens are signed with (HS256, HS384, HS512). A file is safer: arguments are seen by `ps`
    #[arg(long, env = "PGREALTIME_JWT_SECRET", value_name = "SECRET")]
    pub jwt_secret: Option<Secret>,

    /// A file with that secret; white space around it is left out
    #[arg(long, env = "PGREALTIME_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,

    /// Public keys that tokens are signed with (RS256…, ES256, ES384, EdDSA): a JWKS as a file or an http(s) URL
    ///
    /// Such as https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json. A key that is not there when the gateway
    /// starts may come later; keys that cannot be read again stay as they were.
    #[arg(long, env = "PGREALTIME_JWKS", value_name = "FILE|URL")]
    pub jwks: Option<String>,

    /// How often the JWKS is read again; it is also read when a token names an unknown key
    #[arg(long, env = "PGREALTIME_JWKS_REFRESH_SECONDS", value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub jwks_refresh_seconds: Duration,

    /// How often unknown keys may cause the JWKS to be read
    #[arg(long, env = "PGREALTIME_JWKS_MIN_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub jwks_min_seconds: Duration,

    /// An opaque API key (sb_publishable_…) and the role that it stands for; repeat it, or separate by commas
    #[arg(
        long = "api-key",
        env = "PGREALTIME_API_KEYS",
        value_name = "KEY=ROLE",
        value_delimiter = ','
    )]
    pub api_keys: Vec<Secret>,

    /// A file of API keys, KEY=ROLE in each line
    #[arg(long, env = "PGREALTIME_API_KEYS_FILE", value_name = "FILE")]
    pub api_keys_file: Option<PathBuf>,

    /// A claim that every token must have with this value, such as iss=https://auth.example.com; repeat for more
    #[arg(
        long = "require-claim",
        env = "PGREALTIME_REQUIRE_CLAIMS",
        value_name = "CLAIM=VALUE",
        value_delimiter = ','
    )]
    pub require_claims: Vec<String>,

    /// Roles that tokens may have. Each must be granted to the login role
    #[arg(
        long,
        env = "PGREALTIME_ROLES",
        value_name = "ROLES",
        value_delimiter = ',',
        default_value = "anon,authenticated"
    )]
    pub roles: Vec<String>,
}

/// How the gateway runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Serving")]
pub struct NetworkArguments {
    /// Address for clients
    #[arg(
        long,
        env = "PGREALTIME_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:4000"
    )]
    pub listen: SocketAddr,

    /// Address of /live, /ready and /metrics. Keep it away from the public
    #[arg(
        long,
        env = "PGREALTIME_ADMIN_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:4001"
    )]
    pub admin_listen: SocketAddr,

    /// The developer's page at /, and what it asks: which tables a token may read, and why it receives nothing
    #[arg(
        long,
        env = "PGREALTIME_PAGE",
        value_name = "on|off",
        default_value = "on",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        hide_possible_values = true
    )]
    pub page: bool,

    /// Database connections for catch-ups and snapshots; one more is held for the changes
    #[arg(long, env = "PGREALTIME_POOL_SIZE", value_name = "N", default_value_t = 10, value_parser = pool_size)]
    pub pool_size: usize,

    /// Time over which clients are asked to leave after SIGTERM
    #[arg(long, env = "PGREALTIME_DRAIN_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub drain_seconds: Duration,

    /// What is logged: error, warn, info, debug, trace, or a list as in pgrealtime_gateway=debug,warn
    #[arg(
        long,
        env = "PGREALTIME_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: String,

    /// How it is logged, to standard error
    #[arg(
        long,
        env = "PGREALTIME_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub log_format: LogFormat,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Everything for a gateway that serves.
#[derive(Debug, Clone, Args)]
pub struct ServeArguments {
    #[command(flatten)]
    pub database: DatabaseArguments,
    #[command(flatten)]
    pub pool: PoolArguments,
    #[command(flatten)]
    pub tokens: TokenArguments,
    #[command(flatten)]
    pub network: NetworkArguments,
    #[command(flatten)]
    pub limits: Limits,
}

/// What a database is prepared with.
#[derive(Debug, Args)]
pub struct SetupArguments {
    #[command(flatten)]
    pub database: DatabaseArguments,

    /// Run the SQL instead of printing it. The URI must be of a role that may create roles and the extension
    #[arg(long, help_heading = "Setup")]
    pub run: bool,

    /// Name of the role that the gateway logs in as
    #[arg(
        long,
        env = "PGREALTIME_LOGIN_ROLE",
        value_name = "ROLE",
        default_value = "pgrealtime_gateway",
        help_heading = "Setup"
    )]
    pub login_role: String,

    /// Roles that tokens may have; they are granted to the login role
    #[arg(
        long,
        env = "PGREALTIME_ROLES",
        value_name = "ROLES",
        value_delimiter = ',',
        default_value = "anon,authenticated",
        help_heading = "Setup"
    )]
    pub roles: Vec<String>,

    /// Create those of --roles that do not exist (NOLOGIN). Without it they are left out, with a notice
    #[arg(long, help_heading = "Setup")]
    pub create_roles: bool,
}

impl Arguments {
    /// Reads a command line, program name first, and the environment.
    pub fn read<T: Into<OsString> + Clone>(
        line: impl IntoIterator<Item = T>,
    ) -> Result<Arguments, clap::Error> {
        let mut command = Arguments::command_with_hidden_values();
        let matches = command.try_get_matches_from_mut(line)?;
        Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// The help does not print what the environment holds, since some of it is secret; empty variables count as not set.
    fn command_with_hidden_values() -> clap::Command {
        fn hide(argument: clap::Arg) -> clap::Arg {
            let value = argument.get_env().and_then(std::env::var_os);
            match value {
                Some(value) if value.is_empty() => argument.env(Resettable::Reset),
                _ => argument.hide_env_values(true),
            }
        }
        fn hide_all(command: clap::Command) -> clap::Command {
            command.mut_args(hide).mut_subcommands(hide_all)
        }
        hide_all(Arguments::command())
    }
}

fn pool_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size @ 1..=1000) => Ok(size),
        _ => Err("not a number from 1 to 1000".to_string()),
    }
}
