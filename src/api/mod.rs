//! All functions that SQL can call: a few lines each, one file per subject.
#![allow(clippy::result_large_err)]

mod capture;
mod consumers;
mod diagnose;
mod filter;
mod log;
mod message;
mod registry;
mod subscriptions;
mod wait;
