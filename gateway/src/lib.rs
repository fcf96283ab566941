//! The gateway's modules; `main.rs` is the program.

pub mod config;
pub mod feed;
pub mod http;
pub mod metrics;
pub mod phoenix;
pub mod serve;
mod signals;
pub mod token;
