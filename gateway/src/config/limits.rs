//! Limits: what a client, or all of them together, may ask for.

use clap::Args;
use std::time::Duration;

/// The limits of a gateway.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Clients connected at once: WebSockets and HTTP streams. Each needs a file descriptor (ulimit -n)
    #[arg(
        long = "max-sockets",
        env = "PGREALTIME_MAX_SOCKETS",
        value_name = "N",
        default_value_t = 10_000
    )]
    pub sockets: usize,

    /// Channels of one WebSocket
    #[arg(
        long = "max-channels",
        env = "PGREALTIME_MAX_CHANNELS",
        value_name = "N",
        default_value_t = 100
    )]
    pub channels_per_socket: usize,

    /// Bindings (tables with their filters) of one channel
    #[arg(
        long = "max-bindings",
        env = "PGREALTIME_MAX_BINDINGS",
        value_name = "N",
        default_value_t = 100
    )]
    pub bindings_per_channel: usize,

    /// Joins of channels per second and WebSocket; a second's worth may come at once
    #[arg(
        long = "max-joins-per-second",
        env = "PGREALTIME_MAX_JOINS_PER_SECOND",
        value_name = "N",
        default_value_t = 100
    )]
    pub joins_per_second: u32,

    /// Messages per second and WebSocket, on average; a minute's worth may come at once
    #[arg(
        long = "max-messages-per-second",
        env = "PGREALTIME_MAX_MESSAGES_PER_SECOND",
        value_name = "N",
        default_value_t = 100
    )]
    pub messages_per_second: u32,

    /// Size of a broadcast's payload
    #[arg(
        long = "max-payload-bytes",
        env = "PGREALTIME_MAX_PAYLOAD_BYTES",
        value_name = "BYTES",
        default_value_t = 3_000_500
    )]
    pub payload_bytes: usize,

    /// Size of a WebSocket frame from a client
    #[arg(
        long = "max-frame-bytes",
        env = "PGREALTIME_MAX_FRAME_BYTES",
        value_name = "BYTES",
        default_value_t = 5_000_000
    )]
    pub frame_bytes: usize,

    /// What waits in memory for a client that reads slowly. A client beyond it is served from the change log
    #[arg(
        long = "outbox-bytes",
        env = "PGREALTIME_OUTBOX_BYTES",
        value_name = "BYTES",
        default_value_t = 1_048_576
    )]
    pub outbox_bytes: usize,

    /// Time in which a join must succeed. Clients give up after 10 s, without a reason
    #[arg(long = "join-seconds", env = "PGREALTIME_JOIN_SECONDS", value_name = "SECONDS", default_value = "8", value_parser = seconds)]
    pub join_timeout: Duration,

    /// Time for which a client may have no room for anything before it is told to read again
    #[arg(long = "lag-seconds", env = "PGREALTIME_LAG_SECONDS", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub lag: Duration,

    /// Time without a message (clients send a heartbeat each 25 s) after which a WebSocket is closed
    #[arg(long = "idle-seconds", env = "PGREALTIME_IDLE_SECONDS", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub idle: Duration,

    /// Time without any channel after which a WebSocket is closed
    #[arg(long = "no-channel-seconds", env = "PGREALTIME_NO_CHANNEL_SECONDS", value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub no_channel: Duration,

    /// Time for which a client may read a snapshot of a table. It holds back VACUUM for as long
    #[arg(long = "snapshot-seconds", env = "PGREALTIME_SNAPSHOT_SECONDS", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub snapshot: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            sockets: 10_000,
            channels_per_socket: 100,
            bindings_per_channel: 100,
            joins_per_second: 100,
            messages_per_second: 100,
            payload_bytes: 3_000_500,
            frame_bytes: 5_000_000,
            outbox_bytes: 1_048_576,
            join_timeout: Duration::from_secs(8),
            lag: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            no_channel: Duration::from_secs(600),
            snapshot: Duration::from_secs(60),
        }
    }
}

/// A time in seconds, fractions allowed; at most a year.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_string())?;
    if !(0.0..=31_536_000.0).contains(&number) {
        return Err("not between 0 and a year of seconds".to_string());
    }
    Ok(Duration::from_secs_f64(number))
}
