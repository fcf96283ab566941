//! Values printed by their type's own functions.

pub(in crate::pg) mod makers;
pub mod output;
