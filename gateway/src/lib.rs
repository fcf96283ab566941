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
