//! Compiles conditions and runs them over rows.

pub mod access;
pub mod policy;
pub mod row_filter;
pub mod run;
pub mod visible;
