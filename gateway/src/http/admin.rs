//! The admin port: whether the process lives, whether it can serve, and its metrics.

use axum::extract::State;
use axum::http::{header, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::Router;
use std::sync::Arc;

/// What must hold for the gateway to serve clients.
#[derive(Clone, Default)]
pub struct Readiness(Vec<(&'static str, Condition)>);

/// Whether something holds; if not, why.
type Condition = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

impl Readiness {
    /// One condition more.
    pub fn with(
        mut self,
        name: &'static str,
        holds: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Readiness {
        self.0.push((name, Arc::new(holds)));
        self
    }

    /// Whether all hold, and a line about each.
    fn report(&self) -> (bool, String) {
        let mut ready = true;
        let mut text = String::new();
        for (name, holds) in &self.0 {
            let state = match holds() {
                Ok(()) => "ok".to_string(),
                Err(why) => {
                    ready = false;
                    why
                }
            };
            text.push_str(&format!("{name}: {state}\n"));
        }
        (ready, text)
    }
}

/// The admin port's routes.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(readiness)
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let (ready, text) = readiness.report();
    let status = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, text)
}

async fn metrics() -> impl IntoResponse {
    let text = crate::metrics::install().map(|handle| {
        // What has been recorded since the last time is put into the buckets.
        handle.run_upkeep();
        handle.render()
    });
    let form = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (form, text.unwrap_or_default())
}
