//! The feed: which changes of the log each reader receives.

mod deliver;
pub mod delta;
mod follow;
pub mod judge;
// Used by fan_out, which is on its way.
#[allow(dead_code)]
pub mod matcher;
pub mod nested;
mod net;
pub mod reader;
pub mod relation;
pub mod request;
pub mod wait;

#[cfg(any(test, feature = "pg_test"))]
mod tests;
