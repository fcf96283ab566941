//! What pgrx does not bind, and what differs between versions. The only place with externs and version cfgs.

pub(in crate::pg) mod attributes;
pub(in crate::pg) mod compat;
pub(in crate::pg) mod raw;
