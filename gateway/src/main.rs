//! The program `pgrealtime-gateway`.

use pgrealtime_gateway::config::arguments::{Arguments, Command, ServeArguments, SetupArguments};
use pgrealtime_gateway::config::{Config, Log, LogFormat};
use pgrealtime_gateway::setup;
use std::process::ExitCode;
use std::str::FromStr;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let done = match arguments.command {
        None => serve(&arguments.serve),
        Some(Command::Serve(arguments)) => serve(&arguments),
        Some(Command::Setup(arguments)) => setup(&arguments),
        Some(Command::Check(arguments)) => check(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

type Done = Result<ExitCode, Box<dyn std::error::Error>>;

fn serve(arguments: &ServeArguments) -> Done {
    let config = Config::read(arguments)?;
    log(&config.log);
    runtime()?.block_on(pgrealtime_gateway::serve::run(config))?;
    Ok(ExitCode::SUCCESS)
}

fn setup(arguments: &SetupArguments) -> Done {
    if arguments.run {
        runtime()?.block_on(setup::run(arguments))?;
    } else {
        pgrealtime_gateway::say!("{}", setup::sql(arguments)?.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what it finds; there is a problem if it fails.
fn check(arguments: &ServeArguments) -> Done {
    let config = Config::read(arguments)?;
    let well = runtime()?.block_on(pgrealtime_gateway::check::run(&config));
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// At debug and trace these log the parameters of statements, frames and requests: claims, rows and keys.
const QUIET: &[&str] = &[
    "tokio_postgres=info",
    "tungstenite=info",
    "hyper=info",
    "ureq=info",
    "ureq_proto=info",
];

/// Logs to standard error. The filter has been checked with the configuration.
fn log(log: &Log) {
    let mut filter = EnvFilter::try_new(&log.filter).unwrap_or_default();
    for library in QUIET {
        filter = filter.add_directive(Directive::from_str(library).unwrap_or_default());
    }
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => subscriber
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
