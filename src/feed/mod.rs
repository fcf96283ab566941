//! The feed: which changes of the log each reader receives.

mod ahead;
pub mod allowed;
mod commit_times;
pub mod consumer;
mod deliver;
pub mod delta;
pub mod fan_out;
mod follow;
pub mod judge;
// Used by fan_out, which is on its way.
pub mod matcher;
mod naps;
pub mod nested;
mod net;
pub mod reader;
pub mod relation;
pub mod request;
pub mod shown;
pub mod subscriptions;
pub mod wait;
pub mod who;

#[cfg(any(test, feature = "pg_test"))]
mod tests;
