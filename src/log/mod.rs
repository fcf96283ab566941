//! The change log: appended in the writer's transaction, read by cursor, limited in size and age.

pub mod append;
pub mod cursor;
pub mod decode;
pub mod entry;
pub mod janitor;
pub mod lag;
pub mod layout;
pub mod marks;
pub mod part;
pub mod read;
pub mod retention;
pub mod segments;
pub mod snapshot;
pub mod state;
#[cfg(any(test, feature = "pg_test"))]
mod tests;
pub mod unread;
mod varint;
pub mod watermark;

/// Called once, when the library is loaded.
pub fn init() {
    crate::pg::backend::worker::set_work(janitor::run);
}
