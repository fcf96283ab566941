//! The feed: what each reader receives of the log.

pub mod delta;
