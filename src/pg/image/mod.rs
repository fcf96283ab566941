//! Captured rows: how they are built and stored.

pub(in crate::pg) mod attribute;
pub mod builder;
pub mod decode;
pub mod format;
pub(in crate::pg) mod generated;
pub mod version;
