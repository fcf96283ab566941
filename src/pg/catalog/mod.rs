//! Reads the catalogs: relations, keys, publications, triggers, policies, privileges.

pub mod acl;
pub mod acting;
pub(in crate::pg) mod catalog_scan;
pub mod columns;
pub(in crate::pg) mod grants;
pub mod inheritance;
pub mod keys;
pub(in crate::pg) mod members;
pub mod names;
pub mod policies;
pub mod privilege;
pub mod publication;
pub mod relation;
pub mod relation_triggers;
pub mod rowtype;
pub(in crate::pg) mod temporary;
pub mod triggers;
pub mod type_use;
