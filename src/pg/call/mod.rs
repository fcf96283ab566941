//! The calls that Postgres makes to the extension: functions, triggers, event triggers, and functions that return sets.

pub mod dropped;
pub mod event_trigger;
pub mod info;
mod of_publication;
pub mod procedure;
pub mod rename;
pub mod srf;
pub mod trigger;
pub mod values;
