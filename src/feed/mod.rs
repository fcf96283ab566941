//! The feed: what each reader receives of the log.

mod deliver;
mod delta;
pub mod diagnose;
mod follow;
mod judge;
pub mod nested;
mod net;
pub mod reader;
mod relation;
pub mod request;
pub mod wait;

#[cfg(any(test, feature = "pg_test"))]
mod tests;
