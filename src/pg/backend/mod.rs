//! The session's machinery: memory, invalidation, transactions, WAL, waiting, workers, acting as a role.

pub mod act_as;
pub mod cache;
pub mod client;
pub mod commit;
pub mod commit_time;
pub mod ddl;
pub mod discard;
pub mod invalidation;
pub mod lock;
pub mod mailbox;
pub mod memory;
pub(in crate::pg) mod opened;
pub mod random;
mod role_settings;
pub mod running;
pub mod setting_level;
pub mod settings;
pub mod sqlstate;
pub mod subtransaction;
pub(in crate::pg) mod syscache;
pub mod timeline;
pub mod transaction_messages;
pub mod wait;
pub mod wal;
pub mod worker;
pub mod xact;
