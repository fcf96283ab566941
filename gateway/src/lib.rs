//! The gateway's modules; `main.rs` is the program.

pub mod channel;
pub mod check;
pub mod config;
pub mod feed;
pub mod http;
pub mod metrics;
pub mod node;
pub mod phoenix;
pub mod serve;
pub mod setup;
mod signals;
pub mod socket;
pub mod token;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. Nothing that is done under a lock here can panic, and a value would be whole even then.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line to standard output. Whoever reads it may have gone (`| head`): then there is nobody to tell, and no reason
/// to panic.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}
