//! What is served over HTTP.

pub mod access;
pub mod admin;
pub mod public;
pub mod websocket;
