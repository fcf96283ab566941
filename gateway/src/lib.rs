//! The gateway's modules; `main.rs` is the program.

pub mod config;
pub mod phoenix;
pub mod token;
