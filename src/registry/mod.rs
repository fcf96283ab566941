//! Which relations are realtime: their settings, publication and triggers, and what users see of them.

mod attach;
mod belonging;
mod cache;
mod captured;
mod columns;
mod eligible;
mod enable;
mod filter_rule;
mod follow;
mod follow_publication;
mod introspect;
mod leaves;
mod listeners;
mod merge;
mod moves;
mod policies;
mod present;
mod publish;
mod reach;
mod recreate;
mod relabel;
mod renew;
mod repair;
mod settings;
mod survey;
mod tables;
mod taken;
#[cfg(any(test, feature = "pg_test"))]
mod tests;
mod wanted;
mod watch;

pub use belonging::settings_of;
pub use enable::{disable, enable};
pub use follow::follow;
pub use introspect::{is_enabled, realtime_tables, user_tables};
pub use merge::Request;
pub use policies::over_other_rows;
pub use repair::{repair, Mended};
pub use settings::Settings;
pub use survey::RealtimeTable;
