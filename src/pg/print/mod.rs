//! Prints values by their types' own functions.

pub(in crate::pg) mod makers;
pub mod output;
