//! The extension's own tables: appending, reading, the janitor's locks.

mod bound_insert;
pub mod broadcast;
pub mod by_key;
pub mod column_value;
pub mod entry;
pub mod heap;
mod index_entries;
mod insert_code;
pub mod janitor_lock;
mod newest;
pub mod scan;
pub mod segment;
pub mod segment_files;
