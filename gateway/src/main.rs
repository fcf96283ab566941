//! The program `pgrealtime-gateway`.

use pgrealtime_gateway::config::arguments::{Arguments, Command, ServeArguments};
use pgrealtime_gateway::config::{Config, Log, LogFormat};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let done = match arguments.command {
        None => serve(&arguments.serve),
        Some(Command::Serve(arguments)) => serve(&arguments),
        _ => Ok(ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

type Done = Result<ExitCode, Box<dyn std::error::Error>>;

fn serve(arguments: &ServeArguments) -> Done {
    let config = Config::read(arguments)?;
    log(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(pgrealtime_gateway::serve::run(config))?;
    Ok(ExitCode::SUCCESS)
}

/// Logs to standard error. The filter has been checked with the configuration.
fn log(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_default();
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
