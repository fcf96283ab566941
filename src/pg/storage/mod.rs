//! The extension's own tables: appending, reading, the janitor's locks.

pub mod broadcast;
pub mod entry;
pub mod heap;
pub mod retire;
pub mod scan;
pub mod segment;
