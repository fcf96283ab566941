//! What is served over HTTP.

pub mod access;
pub mod admin;
pub mod changes;
pub mod inspect;
pub mod page;
pub mod port;
pub mod public;
pub mod websocket;
