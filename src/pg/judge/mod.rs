//! Compiles conditions and runs them over rows.

pub mod access;
mod analysis;
mod body;
mod bound;
mod claims;
mod columns;
mod conjuncts;
pub mod constants;
pub mod context;
mod execute;
pub mod facts;
mod folding;
mod known;
pub mod many;
mod opaque;
mod operand;
mod pairs;
pub mod policy;
mod quals;
mod reading;
mod reversed;
pub mod row_filter;
pub mod run;
pub mod sets;
mod shape;
mod sharable;
mod simplify;
mod subselect;
mod tree;
pub mod visible;

#[cfg(any(test, feature = "pg_test"))]
mod tests;
