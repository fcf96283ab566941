//! Captured rows: how they are made and stored.

pub(in crate::pg) mod attribute;
pub mod decode;
pub mod format;
pub(in crate::pg) mod generated;
pub mod shape;
pub mod version;
