//! The extension's own tables: appending, reading, the janitor's locks.

pub mod broadcast;
pub mod entry;
pub mod heap;
pub mod janitor_lock;
pub mod scan;
pub mod segment;
pub mod segment_files;
