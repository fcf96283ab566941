//! The signals that end a gateway: SIGTERM and SIGINT.

use tokio::signal::unix::{signal, Signal, SignalKind};

/// Receives them from now on.
pub struct Signals(tokio::sync::Mutex<(Signal, Signal)>);

impl Signals {
    pub fn new() -> std::io::Result<Signals> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Signals(tokio::sync::Mutex::new((terminate, interrupt))))
    }

    /// Waits for the next one.
    pub async fn stop(&self) {
        let mut signals = self.0.lock().await;
        let (terminate, interrupt) = &mut *signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}
