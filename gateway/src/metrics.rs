//! The metrics: their names, what they mean, and where they are read.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// What a metric measures.
enum Kind {
    Counter,
    Gauge,
    /// A time in seconds.
    Seconds,
}
use Kind::{Counter, Gauge, Seconds};

macro_rules! metrics {
    ($($kind:ident $name:ident = $text:literal, $help:literal;)*) => {
        $(#[doc = $help] pub const $name: &str = concat!("pgrealtime_gateway_", $text);)*
        const ALL: &[(Kind, &str, &str)] = &[$(($kind, $name, $help)),*];
    };
}

metrics! {
    Gauge SOCKETS = "sockets", "WebSockets that are open";
    Counter SOCKETS_OPENED = "sockets_opened_total", "WebSockets that were opened";
    Counter SOCKETS_CLOSED = "sockets_closed_total", "WebSockets that were closed, by reason";
    Counter HANDSHAKES_REFUSED = "handshakes_refused_total", "WebSockets that were refused, by reason";
    Gauge STREAMS = "http_streams", "HTTP clients that follow changes";
    Counter HTTP_REQUESTS = "http_requests_total", "HTTP requests, by route and status";
    Gauge CHANNELS = "channels", "Channels that are joined";
    Counter LAGGED = "lagged_total", "Times that a client had no room for a change, and was served from the change log";
    Counter JOINS = "joins_total", "Joins of channels, by result";
    Seconds JOIN_SECONDS = "join_seconds", "Time from a join to its answer";
    Counter TOKENS_REFUSED = "tokens_refused_total", "Tokens that were refused, by reason";
    Counter TOKENS_EXPIRED = "tokens_expired_total", "Channels that ended since their token expired";
    Counter JWKS_READS = "jwks_reads_total", "Readings of the JWKS, by result";
    Counter LIMITS = "limits_total", "Requests that a limit refused, by limit";
    Counter MESSAGES_IN = "messages_in_total", "Messages from clients";
    Counter MALFORMED = "malformed_frames_total", "Frames of clients that are no messages";
    Counter MESSAGES_OUT = "messages_out_total", "Messages to clients";
    Counter BYTES_OUT = "bytes_out_total", "Bytes of messages to clients";
    Counter CHANGES = "changes_total", "Changes that the database handed out for at least one subscription";
    Counter DELIVERIES = "deliveries_total", "Changes times the channels and streams that received them";
    Seconds FAN_OUT_SECONDS = "fan_out_seconds", "Time of one reading of the change log for all subscriptions";
    Gauge SUBSCRIPTIONS = "subscriptions", "Subscriptions of the relays' sessions, by relay; equal ones are shared";
    Counter SUBSCRIPTION_ERRORS = "subscription_errors_total", "Subscriptions that ended or missed a change, by SQLSTATE";
    Counter CATCH_UPS = "catch_ups_total", "Readings of the change log for one client";
    Counter READ_AGAIN = "read_again_total", "Clients that were told to read their tables again, by reason";
    Gauge RELAY_UP = "relay_up", "1 while the relay's session is there, else 0, by relay";
    Counter RELAY_LOST = "relay_lost_total", "Times that a relay was without a session, by relay";
    Counter RELAY_FAILURES = "relay_failures_total", "Statements of the relays that failed in a session that lives";
    Counter CONNECT_ERRORS = "database_connect_errors_total", "Sessions of the database that could not be made, by kind";
    Gauge POOL_WAITING = "pool_waiting", "Catch-ups and snapshots that wait for a session of the pool";
    Gauge POOL_IN_USE = "pool_in_use", "Sessions of the pool in use";
}

/// Upper bounds of the buckets of times.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Begins to record. Called again, it returns the same handle. None: the process has another recorder.
pub fn install() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let builder = PrometheusBuilder::new();
        let builder =
            builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_string()), BUCKETS);
        let handle = builder.ok()?.install_recorder().ok()?;
        describe();
        Some(handle)
    };
    HANDLE.get_or_init(install).as_ref()
}

fn describe() {
    for (kind, name, help) in ALL {
        match kind {
            Counter => ::metrics::describe_counter!(*name, *help),
            Gauge => ::metrics::describe_gauge!(*name, *help),
            Seconds => ::metrics::describe_histogram!(*name, *help),
        }
        // What was never counted is 0, not absent: alerts can be written before the first fault.
        match kind {
            Counter if !help.contains(", by ") => ::metrics::counter!(*name).increment(0),
            Gauge => ::metrics::gauge!(*name).set(0.0),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_descriptions_are_exported() {
        let handle = install().expect("a recorder");
        ::metrics::histogram!(JOIN_SECONDS).record(0.003);
        ::metrics::counter!(JOINS, "result" => "ok").increment(2);
        let text = handle.render();
        for line in [
            "# HELP pgrealtime_gateway_sockets WebSockets that are open",
            "# TYPE pgrealtime_gateway_sockets gauge",
            "pgrealtime_gateway_sockets 0",
            "pgrealtime_gateway_messages_in_total 0",
            "pgrealtime_gateway_joins_total{result=\"ok\"} 2",
            "pgrealtime_gateway_join_seconds_bucket{le=\"0.005\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(std::ptr::eq(install().expect("the same"), handle));
    }
}
