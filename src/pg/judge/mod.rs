//! Compiles conditions and runs them over rows.

pub mod access;
#[allow(dead_code)]
mod analysis;
mod body;
mod claims;
mod columns;
// Parts that fan_out uses, which is on its way.
#[allow(dead_code)]
pub mod constants;
pub mod context;
mod execute;
#[allow(dead_code)]
pub mod facts;
mod folding;
mod known;
#[allow(dead_code)]
pub mod many;
#[allow(dead_code)]
mod operand;
#[allow(dead_code)]
mod pairs;
pub mod policy;
mod quals;
#[allow(dead_code)]
mod reading;
#[allow(dead_code)]
mod reversed;
pub mod row_filter;
pub mod run;
#[allow(dead_code)]
pub mod sets;
#[allow(dead_code)]
mod shape;
mod sharable;
mod simplify;
mod subselect;
mod tree;
pub mod visible;

#[cfg(any(test, feature = "pg_test"))]
mod tests;
