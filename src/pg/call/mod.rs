//! How Postgres calls us: functions, triggers, event triggers, sets that are returned.

pub mod dropped;
pub mod event_trigger;
pub mod info;
pub mod rename;
pub mod srf;
pub mod trigger;
pub mod values;
