//! Every SQL-callable function: a few lines each, one file per noun.
#![allow(clippy::result_large_err)]

mod capture;
mod diagnose;
mod filter;
mod log;
mod message;
mod registry;
mod subscriptions;
