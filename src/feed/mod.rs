//! The feed: what each reader receives of the log.

mod delta;
mod net;
pub mod reader;
mod relation;
pub mod request;
